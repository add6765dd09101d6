/**
 * The filesystems that Holdfast is tried on (docs/filesystems.md): how each is mounted, and what
 * must hold on it.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { MachineName } from '@holdfast/tools/guest';
import type { Mounted, MountedTest } from './mounted.js';

export interface Setup {
  readonly name: string;
  /** As /proc/filesystems calls it. */
  readonly kernel: string;
  /** What mounts it; {@link missingPackage} knows the Debian packages. */
  readonly programs?: readonly (keyof typeof debianPackages)[];
  readonly mount: (m: MountedTest) => Mounted | Promise<Mounted>;
  /** What doctor must say; docs/filesystems.md says the same. */
  readonly doctor: Readonly<Record<string, string>>;
  readonly keepsModes?: false;
  /**
   * Not the kernel replays its journal but a program, which fails: a copy of its disk has not what
   * was synced.
   */
  readonly replaysAtMount?: false;
  /**
   * A rename onto an open file fails, and the kernel may delete that file: nobody reads beside a
   * writer.
   */
  readonly deletesAfterFailedRename?: true;
  /** A server in the same guest kernel: every call takes a millisecond or more. */
  readonly isServed?: true;
  /** The guest kernel that has it where this machine's has not; `userMode` by default. */
  readonly guest?: MachineName;
  /** It is the guest's own: no other machine has it. */
  readonly isOfGuest?: true;
  /** Tried by the nightly run alone ({@link isNightly}), and where it is named. */
  readonly isRare?: true;
}

/** Which Debian package brings a program. */
const debianPackages = {
  bindfs: 'bindfs',
  diod: 'diod',
  'fuse-overlayfs': 'fuse-overlayfs',
  gocryptfs: 'gocryptfs',
  mergerfs: 'mergerfs',
  'mkfs.exfat': 'exfatprogs',
  'mkfs.ext2': 'e2fsprogs',
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.f2fs': 'f2fs-tools',
  'mkfs.jfs': 'jfsutils',
  'mkfs.minix': 'util-linux',
  'mkfs.nilfs2': 'nilfs-tools',
  'mkfs.ntfs': 'ntfs-3g',
  'mkfs.vfat': 'dosfstools',
  mkudffs: 'udftools',
  smbd: 'samba',
  sshd: 'openssh-server',
  sshfs: 'sshfs',
} as const;

/**
 * Why a filesystem cannot be mounted here, and the Debian package that would change it; `undefined`
 * where it can.
 */
export function missingPackage({ programs = [] }: Setup): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  const missing = programs.find(
    (name) => !folders.some((folder) => existsSync(`${folder}/${name}`)),
  );
  return missing && `${missing} is missing: apt-get install ${debianPackages[missing]}`;
}

export const TURNS = 'writers of all processes take turns';
export const POWER = 'what is acknowledged survives power loss';
export const SECRETS = 'a secret is kept from others';
export const SWEEPS = 'what dead processes leave is swept';

const oneMount = { [TURNS]: 'thisMount', [SECRETS]: 'yes' };
const onDisk = { [TURNS]: 'yes', [POWER]: 'yes', [SECRETS]: 'yes', [SWEEPS]: 'yes' };
const withoutJournal = { ...onDisk, [POWER]: 'no' };
const fat = { ...withoutJournal, [SECRETS]: 'no' };

function overStore(m: MountedTest, mount: (store: string, point: string) => void): Mounted {
  const store = m.directory('store');
  return m.twice((point) => mount(store, point));
}

/** On the kernel of this machine: FUSE, overlay, and what else a kernel for servers has. */
const setupsOfHost: readonly Setup[] = [
  {
    name: 'bindfs',
    kernel: 'fuse',
    programs: ['bindfs'],
    mount: (m) => overStore(m, (store, point) => m.run('bindfs', [store, point])),
    // The mount table calls it `fuse`.
    doctor: { ...oneMount, [POWER]: 'unknown' },
  },
  {
    name: 'gocryptfs',
    kernel: 'fuse',
    programs: ['gocryptfs'],
    mount(m) {
      const store = m.directory('store');
      const password = ['-q', '-extpass', 'echo holdfast'];
      m.run('gocryptfs', ['-init', '-scryptn', '10', ...password, store]);
      return m.twice((point) => m.run('gocryptfs', [...password, store, point]));
    },
    doctor: { ...oneMount, [POWER]: 'unknown' },
  },
  {
    name: 'mergerfs',
    kernel: 'fuse',
    programs: ['mergerfs'],
    mount(m) {
      const branches = [m.directory('one'), m.directory('two')].join(':');
      return m.twice((point) => m.run('mergerfs', [branches, point]));
    },
    doctor: { ...oneMount, [POWER]: 'no' },
  },
  {
    name: 'sshfs',
    kernel: 'fuse',
    programs: ['sshfs', 'sshd'],
    async mount(m) {
      const { port, key } = await m.sshServer();
      const options = `StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,IdentityFile=${key},port=${port},reconnect`;
      return overStore(m, (store, point) => {
        m.run('sh', [
          '-c',
          'for n in 1 2 3 4 5 6 7 8 9 10; do sshfs "$0" "$1" -o "$2" && exit 0; sleep 0.3; done; exit 1',
          `root@127.0.0.1:${store}`,
          point,
          options,
        ]);
      });
    },
    doctor: { ...oneMount, [POWER]: 'no' },
  },
  {
    name: 'ntfs-3g',
    kernel: 'fuse',
    programs: ['mkfs.ntfs'],
    mount(m) {
      const image = `${m.folder}/image`;
      writeFileSync(image, Buffer.alloc(32 * 1024 * 1024));
      m.run('mkfs.ntfs', ['-q', '-F', '-f', image]);
      return { path: m.mount('mount', (point) => m.run('ntfs-3g', [image, point])) };
    },
    doctor: { [SECRETS]: 'no' },
    keepsModes: false,
  },
  {
    name: 'fuse-overlayfs',
    kernel: 'fuse',
    programs: ['fuse-overlayfs'],
    mount(m) {
      const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => m.directory(name));
      const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
      return { path: m.mount('mount', (at) => m.run('fuse-overlayfs', ['-o', layers, at])) };
    },
    doctor: { ...oneMount, [POWER]: 'unknown' },
  },
  {
    name: 'overlay',
    kernel: 'overlay',
    mount(m) {
      const tmpfs = m.mount('tmpfs', (at) => m.run('mount', ['-t', 'tmpfs', 'none', at]));
      for (const name of ['lower', 'upper', 'work']) mkdirSync(`${tmpfs}/${name}`);
      const layers = `lowerdir=${tmpfs}/lower,upperdir=${tmpfs}/upper,workdir=${tmpfs}/work`;
      const over = (at: string): void =>
        m.run('mount', ['-t', 'overlay', 'none', '-o', layers, at]);
      return { path: m.mount('mount', over) };
    },
    doctor: { [TURNS]: 'thisMount', [SECRETS]: 'yes' },
  },
];

/** On the kernel of this machine, or else in a guest. */
const setupsOfDisks: readonly Setup[] = [
  disk('ext2', ['mkfs.ext2', '-q', '-F'], withoutJournal),
  {
    ...disk('ext4', ['mkfs.ext4', '-q', '-F', '-O', '^has_journal'], withoutJournal),
    name: 'ext4 without a journal',
  },
  disk('vfat', ['mkfs.vfat'], fat),
  { ...disk('exfat', ['mkfs.exfat'], fat), guest: 'qemu' },
  disk('f2fs', ['mkfs.f2fs', '-q'], onDisk, 128),
  { ...disk('jfs', ['mkfs.jfs', '-q'], withoutJournal), replaysAtMount: false },
  disk('nilfs2', ['mkfs.nilfs2', '-q'], onDisk, 256),
  { ...disk('udf', ['mkudffs', '--utf8'], withoutJournal), isRare: true },
  { ...disk('minix', ['mkfs.minix', '-3'], withoutJournal), isRare: true },
];

/** The same, of a server on the loopback. */
const setupsOfServers: readonly Setup[] = [
  {
    name: 'CIFS (Samba)',
    kernel: 'cifs',
    programs: ['smbd'],
    mount: (m) => m.samba(),
    doctor: { [POWER]: 'unknown', [SECRETS]: 'no', [SWEEPS]: 'unknown' },
    keepsModes: false,
    deletesAfterFailedRename: true,
    isServed: true,
  },
  {
    name: '9p (diod)',
    kernel: '9p',
    programs: ['diod'],
    mount: (m) => m.diod(),
    doctor: { ...oneMount, [POWER]: 'unknown', [SWEEPS]: 'unknown' },
    isServed: true,
  },
  {
    name: '9p (QEMU)',
    kernel: '9p',
    guest: 'qemu',
    isOfGuest: true,
    mount: () => ({ path: '/mnt/shared', second: '/mnt/again' }),
    doctor: { ...oneMount, [POWER]: 'unknown', [SWEEPS]: 'unknown' },
    isServed: true,
  },
];

/** Set by .ci/nightly, for what takes too long for every change. */
export const isNightly: boolean = process.env['HOLDFAST_NIGHTLY'] !== undefined;

const named = process.env['HOLDFAST_FILESYSTEMS']?.split(',');

/**
 * Those that HOLDFAST_FILESYSTEMS names, separated by commas, or else all; the rare ones by night.
 */
export const setups: readonly Setup[] = [
  ...setupsOfHost,
  ...setupsOfDisks,
  ...setupsOfServers,
].filter(({ name, isRare }) => named?.includes(name) ?? (isNightly || !isRare));

function disk(
  type: string,
  make: readonly [keyof typeof debianPackages, ...string[]],
  doctor: Setup['doctor'],
  sizeMb?: number,
): Setup {
  const modes = doctor[SECRETS] === 'no' ? ({ keepsModes: false } as const) : {};
  return {
    name: type,
    kernel: type,
    programs: [make[0]],
    mount: (m) => ({ path: m.image(type, make, sizeMb), image: `${m.folder}/image` }),
    doctor,
    ...modes,
  };
}
