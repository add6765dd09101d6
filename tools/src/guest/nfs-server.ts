/**
 * Lines for a guest's script: it serves its first disk, an ext4, by NFS 4.2 on its own loopback, and
 * mounts that as two clients (`/mnt/a`, `/mnt/b`) and as two that cache no names (`/mnt/c`,
 * `/mnt/d`).
 *
 * All mounts are one client to the server, and it does not recall what it has delegated to a client
 * because of that same client, as it does between two machines: so it is to delegate nothing.
 *
 * A server that has just started lets nobody lock before its grace time is over; the guest starts
 * with a short one.
 */
export const serveByNfs = `
load nfsd nfsv4
mkdir disk a b c d
mount -t tmpfs tmpfs /var/lib/nfs
mkdir /var/lib/nfs/{rpc_pipefs,v4recovery}
touch /var/lib/nfs/{etab,rmtab}
mount -t ext4 /dev/ubda disk
mount -t nfsd nfsd /proc/fs/nfsd
mount -t rpc_pipefs rpc_pipefs /var/lib/nfs/rpc_pipefs
echo 0 >/proc/sys/fs/leases-enable
echo 10 >/proc/fs/nfsd/nfsv4leasetime
echo 10 >/proc/fs/nfsd/nfsv4gracetime
exportfs -o rw,fsid=0,no_root_squash,no_subtree_check,insecure 127.0.0.1:/mnt/disk
rpc.mountd -N 3 -V 4 2>/dev/null
rpc.nfsd -N 3 -V 4.2 4
for mount in a b; do mount -t nfs4 -o vers=4.2,nosharecache 127.0.0.1:/ $mount; done
for mount in c d; do mount -t nfs4 -o vers=4.2,nosharecache,lookupcache=none 127.0.0.1:/ $mount; done
timeout 60 flock a/grace true
rm a/grace
`;
