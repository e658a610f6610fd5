//! What the server gets from the machine: time, randomness, disk space, files, threads and the log.

pub mod authorities;
pub mod background;
pub mod backoff;
pub mod clock;
pub mod data_dir;
pub mod data_files;
pub mod disk_space;
pub mod entropy;
pub mod hang_up;
pub mod logging;
pub mod open_files;
pub mod other_readers;
pub mod private_file;
pub mod process_usage;
pub mod real_path;
pub mod secret;
pub mod supervisor;
pub mod throttle;
