<?php
// The lock of flock(): `hold|try FILE`, as ../python/lockers.py says.
$file = fopen($argv[2], 'a');
if (!flock($file, LOCK_EX | LOCK_NB)) exit(1);
echo "held\n";
if ($argv[1] === 'hold') stream_get_contents(STDIN);
