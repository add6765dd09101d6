//! One lock of Rust or a library of it: `KIND hold|try FILE`, as ../python/lockers.py says.
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::exit;

fn open(path: &str) -> File {
    OpenOptions::new().read(true).append(true).create(true).open(path).unwrap()
}

fn refuse_unless(taken: bool) {
    if !taken {
        exit(1);
    }
}

fn tell(action: &str) {
    println!("held");
    if action == "hold" {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, action, path] = &arguments[..] else { exit(2) };
    match kind.as_str() {
        "std" => {
            let file = open(path);
            refuse_unless(file.try_lock().is_ok());
            tell(action);
        }
        "fs4" => {
            let file = open(path);
            refuse_unless(fs4::FileExt::try_lock(&file).is_ok());
            tell(action);
        }
        "fs2" => {
            let file = open(path);
            refuse_unless(fs2::FileExt::try_lock_exclusive(&file).is_ok());
            tell(action);
        }
        "fd-lock" => {
            let mut lock = fd_lock::RwLock::new(open(path));
            let guard = lock.try_write();
            refuse_unless(guard.is_ok());
            tell(action);
        }
        "fslock" => {
            let mut lock = fslock::LockFile::open(path).unwrap();
            refuse_unless(lock.try_lock_with_pid().unwrap());
            tell(action);
        }
        "file-lock" => {
            let options = file_lock::FileOptions::new().read(true).write(true).create(true);
            let lock = file_lock::FileLock::lock(path, false, options);
            refuse_unless(lock.is_ok());
            tell(action);
        }
        _ => exit(2),
    }
}
