// The lock of an FsFile: `hold|try FILE`, as ../python/lockers.py says.
const [action, path] = Deno.args;
const file = Deno.openSync(path, { append: true, create: true });
if (!file.tryLockSync(true)) Deno.exit(1);
console.log('held');
if (action === 'hold') await new Response(Deno.stdin.readable).text();
