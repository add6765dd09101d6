#!/usr/bin/env bash
# mergerfs: replacing a file by rename deletes the old one from a branch that is marked RO.
#
# Versions: mergerfs 2.33.5-1 (Debian 12, FUSE), Linux x86-64. Needs /dev/fuse, fusermount and the right to mount.
# One would guess: a branch given as PATH=RO is, as the manual has it, treated "same as a read-only mounted filesystem": what would
# change it is EROFS, or the new file lies above and the old one stays below, as with an overlay.
# What happens: unlink, chmod and rename of a file that lies on the RO branch are EROFS. But a new file (it is made on the RW branch)
# that is renamed over the old one's name takes the old one's place everywhere: the file on the RO branch is deleted, rc 0.
# Unmounting, or mounting the RO branch alone, does not bring it back. NC (no create) branches lose theirs as well.
# Output seen:
#   unlink: Read-only file system
#   chmod: Read-only file system
#   rename away: Read-only file system
#   replace by rename: done, reads new
#   branch RO: kept.txt
#   branch RW: replaced.txt
# Source: src/fuse_rename.cpp: the branches that do not have the source are gathered without a look at their mode, and the target's
# name is removed on each once a rename has worked (later code of the project does the same: read, not run). README, "branches" and
# "policies": RO branches are left out of create and action policies; of this removal, which asks no policy, it says nothing. That a
# file of an RO branch can be written to in place is known (trapexit/mergerfs issues 642, 931).
# What it means: the usual atomic save (temporary file, rename) destroys what RO was to protect, and rm, which is refused, seems to
# show that it is safe. A branch that must stay as it is has to be mounted read-only below mergerfs, not only marked.
set -euo pipefail
folder=$(mktemp -d)
trap 'fusermount -u "$folder/all" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 .
apt-get download -qq mergerfs=2.33.5-1 2>apt.log || { cat apt.log >&2; exit 1; }
dpkg-deb -x mergerfs_2.33.5-1_*.deb programs
mkdir archive work all
echo old >archive/kept.txt
echo old >archive/replaced.txt
programs/usr/bin/mergerfs "$folder/archive=RO:$folder/work=RW" "$folder/all"

says() { # the reason at the end of the message of a command that fails
	if "$@" 2>message; then echo done; else sed 's/.*: //' message; fi
}
{
	echo "unlink: $(LC_ALL=C says rm all/kept.txt)"
	echo "chmod: $(LC_ALL=C says chmod 600 all/kept.txt)"
	echo "rename away: $(LC_ALL=C says mv all/kept.txt all/other.txt)"
	echo new >all/replaced.txt.tmp
	echo "replace by rename: $(LC_ALL=C says mv all/replaced.txt.tmp all/replaced.txt), reads $(cat all/replaced.txt)"
	fusermount -u all
	echo "branch RO: $(ls archive | xargs)"
	echo "branch RW: $(ls work | xargs)"
} | tee seen
diff seen - <<'SEEN'
unlink: Read-only file system
chmod: Read-only file system
rename away: Read-only file system
replace by rename: done, reads new
branch RO: kept.txt
branch RW: replaced.txt
SEEN
