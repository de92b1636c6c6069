//! Training runs as a week of them would have it: killed, out of disk, without their data.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod film;
mod kill_and_resume;
mod no_room;
mod numbers;
mod runs;
