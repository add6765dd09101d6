/** `holdfast raster serve`: look at a mosaic in a browser. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { serveRaster } from '@holdfast/raster';
import { type Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../flags.js';
import { interruptible } from '../interrupt.js';
import { jsonOf, print, shown, tell } from '../outputs.js';

interface ServeFlags {
  readonly host?: string;
  readonly port?: number;
  readonly open?: boolean;
  readonly outside?: boolean;
  readonly json?: boolean;
}

const SERVE_HELP = `
The page shows the pixels as colours, as a relief or in grey, what lies under the pointer, statistics, and the tiles with
what verify says of them; it needs no internet. When the mosaic is replaced it shows the new one by itself. Only this
machine reaches it, unless --host says otherwise. Ctrl-C ends it.

Examples:
  holdfast raster serve dem.vrt --open
  holdfast raster serve dem.vrt --port 0 --json
      on any free port, which the line of JSON says
  holdfast raster serve dem.vrt --host 0.0.0.0
      for everyone who reaches this machine`;

export function addRasterServeCommand(raster: Command): void {
  raster
    .command('serve')
    .description(
      'Show a mosaic in a browser: a map, values, statistics, and the state of its tiles',
    )
    .argument('<vrt>', 'the index of the mosaic, ours or one of GDAL')
    .option('--open', 'open it in the browser of this machine')
    .option('--host <name>', 'the name or address to listen on (127.0.0.1)')
    .option('--port <number>', 'the port, 0 for any that is free (8765, or any)', portNumber)
    .option('--outside', 'follow an index that names tiles outside its own folder')
    .option('--json', 'print the address as one JSON object')
    .addHelpText('after', SERVE_HELP)
    .action(serve);
}

function portNumber(text: string): number {
  const port = wholeNumber(text);
  if (port < 65_536) return port;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}

async function serve(path: string, { outside, ...flags }: ServeFlags): Promise<void> {
  const { host, port } = flags;
  await interruptible(async (signal) => {
    const server = await serveRaster(path, { host, port, outside: outside ? 'allow' : 'refuse' });
    try {
      const { url } = server;
      print(flags.json ? jsonOf({ path, url }) : shown`${path} is shown at ${url}`);
      if (flags.open) openBrowser(url);
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      await server.close();
    }
  });
}

/** What opens an address, by platform. */
const openers: Readonly<Partial<Record<NodeJS.Platform, readonly [string, ...string[]]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', '""'],
};

function openBrowser(url: string): void {
  const [program, ...args] = openers[process.platform] ?? ['xdg-open'];
  const browser = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  browser.once('error', ({ message }) => tell(shown`No browser could be started: ${message}`));
  browser.unref();
}
