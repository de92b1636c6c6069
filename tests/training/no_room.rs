//! A disk that is full, a folder that is read-only, data that are gone: one sentence, and the last
//! checkpoint stays.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::runs::{FAMILIES, Outcome, Small, sentence, succeed};

const RUN: &Small = &FAMILIES[2];

/// A memory disk of some size; `None` where mounting is not allowed.
struct MemoryDisk(PathBuf);

impl MemoryDisk {
    fn mount(at: &Path, options: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let output = Command::new("mount").args(["-o", &options]).arg(&self.0).output().unwrap();
        succeed(&output);
    }
}

impl Drop for MemoryDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn expected(folder: &Path) -> Outcome {
    let whole = folder.join("whole");
    RUN.finish(&whole, false);
    Outcome::read(&whole)
}

/// Goes on from the last checkpoint, to what an undisturbed run comes to.
fn resumes(out: &Path, expected: &Outcome) {
    RUN.finish(out, true);
    let difference = Outcome::read(out).difference(expected);
    assert!(difference.is_none(), "{}", difference.unwrap());
}

/// A command under the shell's limit on the size of files, in blocks of 512 bytes or (of bash) 1024.
fn limited(command: &Command, blocks: usize) -> Output {
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap());
    let words: Vec<String> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    // Without the signal a write that is too long fails like one to a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec {}", words.join(" "));
    Command::new("sh").args(["-c", &script]).output().unwrap()
}

#[test]
fn a_checkpoint_that_may_not_be_written_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expected(folder.path());
    let out = folder.path().join("limited");
    let message = sentence(&limited(&RUN.command(&out, false), 16));
    assert!(message.contains("cannot write") && message.contains("raise the limit"), "{message}");
    assert!(message.contains("no checkpoint was written, --resume begins anew"), "{message}");

    let last = out.join("checkpoints/last/resume.safetensors");
    let mut child = RUN.spawn(&out, true);
    while !last.exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = std::fs::read(&last).unwrap();
    let message = sentence(&limited(&RUN.command(&out, true), 16));
    assert!(message.contains("checkpoints/") && message.contains("raise the limit"), "{message}");
    assert!(message.contains("--resume --out") && message.contains("goes on after update"), "{message}");
    assert!(std::fs::read(&last).unwrap() == before);
    for entry in std::fs::read_dir(last.parent().unwrap()).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(!name.to_string_lossy().ends_with(".part"), "what a killed run was writing stays");
    }
    let log = std::fs::read_to_string(out.join("log.txt")).unwrap();
    assert!(log.contains("raise the limit"), "{log}");
    resumes(&out, &expected);
}

#[test]
fn a_full_disk_ends_the_run_and_it_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let expected = expected(folder.path());
    let at = folder.path().join("disk");
    let Some(disk) = MemoryDisk::mount(&at, "size=16m") else {
        println!("skipped: no disk may be mounted here");
        return;
    };
    let out = at.join("run");
    let mut child = RUN.spawn(&out, false);
    while !out.join("checkpoints/last/resume.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // Something else takes the rest of the disk.
    let mut other = std::fs::File::create(at.join("other")).unwrap();
    let mut full = std::io::repeat(7);
    let _no_space = std::io::copy(&mut full, &mut other).unwrap_err();
    drop(other);
    let message = sentence(&waited(&mut child));
    assert!(message.contains("cannot write") && message.contains("make room on that disk"), "{message}");
    assert!(message.contains("run") && message.contains("goes on after update"), "{message}");
    std::fs::remove_file(at.join("other")).unwrap();
    resumes(&out, &expected);
    drop(disk);
}

#[test]
fn a_read_only_folder_is_named_before_and_during_a_run() {
    let folder = tempfile::tempdir().unwrap();
    // A file where a folder should be is as good as a folder that may not be written to.
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let message = sentence(&RUN.command(&file.join("run"), false).output().unwrap());
    assert!(message.contains("cannot create the folder") && message.contains("file/run"), "{message}");

    let at = folder.path().join("disk");
    let Some(disk) = MemoryDisk::mount(&at, "size=64m") else {
        println!("skipped: no disk may be mounted here");
        return;
    };
    disk.remount("ro");
    let message = sentence(&RUN.command(&at.join("run"), false).output().unwrap());
    assert!(message.contains("name another place") && message.contains("disk/run"), "{message}");
    disk.remount("rw");
    let expected = expected(folder.path());
    let out = at.join("run");
    let mut child = RUN.spawn(&out, false);
    while !out.join("checkpoints/last/resume.safetensors").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // Refused while files are open for writing; forced all the same by binding it read-only on top.
    let _busy = Command::new("mount").args(["-o", "remount,ro"]).arg(&at).output();
    let over = Command::new("mount").arg("--bind").args([&at, &at]).status().unwrap();
    assert!(over.success());
    let read_only = Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&at).status().unwrap();
    assert!(read_only.success());
    let output = waited(&mut child);
    let umounted = Command::new("umount").arg("--lazy").arg(&at).status().unwrap();
    assert!(umounted.success());
    let message = sentence(&output);
    assert!(message.contains("Read-only file system"), "{message}");
    assert!(message.contains("name another place") && message.contains("goes on after"), "{message}");
    resumes(&out, &expected);
    drop(disk);
}

#[test]
fn a_data_file_that_goes_during_the_run_is_named_and_nothing_learnt_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("pictures");
    for split in ["train", "val"] {
        for class in ["a", "b"] {
            let at = data.join(split).join(class);
            std::fs::create_dir_all(&at).unwrap();
            for k in 0..8_u8 {
                let picture = image::RgbImage::from_fn(64, 64, |x, y| {
                    image::Rgb([(x as u8).wrapping_mul(k), y as u8, k.wrapping_mul(30)])
                });
                picture.save(at.join(format!("{k}.png"))).unwrap();
            }
        }
    }
    let data_key = format!("data={}", data.display());
    let command = |out: &Path| {
        let mut command = FAMILIES[4].command(out, false);
        command.args(["--set", "dataset=imagenet", "--set", &data_key, "--set", "updates=40"]);
        command.args(["--set", "held_out=4", "--set", "save_every=1000"]);
        command
    };
    let whole = folder.path().join("whole");
    succeed(&command(&whole).output().unwrap());
    let out = folder.path().join("robbed");
    let mut child = command(&out).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let rows = || std::fs::read_to_string(out.join("metrics.csv")).unwrap_or_default().lines().count();
    while rows() < 3 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let [victim, away] = [data.join("train/a/3.png"), folder.path().join("3.png")];
    std::fs::rename(&victim, &away).unwrap();
    let message = sentence(&waited(&mut child));
    assert!(message.contains("train/a/3.png") && message.contains("put it back"), "{message}");
    assert!(message.contains("goes on after update"), "{message}");
    let done = rows() - 1;
    assert!(done < 40 && message.contains(&format!("{done} updates were done")), "{message}");
    std::fs::rename(&away, &victim).unwrap();
    succeed(&FAMILIES[4].command(&out, true).output().unwrap());
    let difference = Outcome::read(&out).difference(&Outcome::read(&whole));
    assert!(difference.is_none(), "{}", difference.unwrap());
}

fn waited(child: &mut std::process::Child) -> Output {
    use std::io::Read as _;
    let mut stderr = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut stderr).unwrap();
    Output { status: child.wait().unwrap(), stdout: Vec::new(), stderr }
}
