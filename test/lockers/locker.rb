# The lock of a File: `hold|try FILE`, as ../python/lockers.py says.
file = File.open(ARGV[1], 'a')
exit 1 unless file.flock(File::LOCK_EX | File::LOCK_NB)
puts 'held'
$stdout.flush
$stdin.read if ARGV[0] == 'hold'
