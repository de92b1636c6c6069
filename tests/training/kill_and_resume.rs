//! SIGKILL at random moments, resumed, equals a run that nobody killed: bit for bit.
//!
//! `tests/kill_and_resume.sh` does it 20 times per family.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::runs::{FAMILIES, Outcome};

/// Kills per family unless `GAINFIELD_KILLS` says otherwise.
const KILLS: usize = 3;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Updates that the table of a run knows.
fn rows(run: &Path) -> usize {
    let table = std::fs::read_to_string(run.join("metrics.csv")).unwrap_or_default();
    table.lines().count().saturating_sub(1)
}

#[test]
fn killed_runs_resume_bit_for_bit() {
    let kills = setting("GAINFIELD_KILLS").map_or(KILLS, |n| usize::try_from(n).unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = setting("GAINFIELD_KILL_SEED").unwrap_or(u64::from(now.subsec_nanos()));
    println!("kills at random moments of seed {seed}");
    let mut moments = gainfield::rng::stream(seed, "kills", &[]);
    let names = std::env::var("GAINFIELD_KILL_RUNS").ok();
    let is_chosen = |name: &str| names.as_ref().is_none_or(|names| names.split(',').any(|one| one == name));
    for run in FAMILIES.iter().filter(|run| is_chosen(run.name)) {
        let folder = tempfile::tempdir().unwrap();
        let [whole, killed] = ["whole", "killed"].map(|name| folder.path().join(name));
        let began = Instant::now();
        run.finish(&whole, false);
        let time = began.elapsed();
        let expected = Outcome::read(&whole);
        let n_updates = rows(&whole);
        let mut updates = Vec::new();
        for kill in 0..kills {
            // Early kills leave something for the later ones: the rest of the run falls with each.
            let share = gainfield::rng::uniform(&mut moments) * 2.0 / (kills - kill) as f64;
            let before = rows(&killed);
            let mut child = run.spawn(&killed, killed.join("recipe.toml").exists());
            // Every second kill hits a run that has begun, however long a program takes to start.
            while kill % 2 == 1 && rows(&killed) == before && child.try_wait().unwrap().is_none() {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_secs_f64(time.as_secs_f64() * share.min(0.9)));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            // A run that was faster than its executioner has ended well.
            assert!(status.code().is_none() || status.success(), "{}: {status}", run.name);
            updates.push(rows(&killed));
        }
        run.finish(&killed, killed.join("recipe.toml").exists());
        let difference = Outcome::read(&killed).difference(&expected);
        println!("{}: {n_updates} updates, killed after {updates:?}", run.name);
        assert!(difference.is_none(), "{}: {}", run.name, difference.unwrap());
        let events = |out: &std::path::Path| {
            std::fs::metadata(out.join("events.out.tfevents.gainfield")).unwrap().len()
        };
        assert_eq!(events(&killed), events(&whole), "{}: TensorBoard events", run.name);
    }
}
