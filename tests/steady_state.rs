//! In steady state no timestep takes memory from the system.

use std::ops::ControlFlow;

use gainfield::dynamics::{Controls, Presentation, ProtocolOptions, Run, State, Workspace, rollout};
use gainfield::families;
use gainfield::model::Target;
use gainfield::ops::compute_pool;
use gainfield::pretrained;
use gainfield::settings::Overrides;

/// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Pages that the system has handed to this process so far; `None` where it does not tell.
fn pages() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, which may hold anything, ends with the last parenthesis.
    let fields = &stat[stat.rfind(')')? + 1..];
    fields.split_whitespace().nth(7)?.parse().ok()
}

#[test]
fn a_hundred_timesteps_live_on_the_memory_of_those_before() {
    if pages().is_none() {
        println!("skipped: this system does not count pages");
        return;
    }
    let model = families::open(pretrained::NAME.as_ref(), &Overrides::default(), &Target::default()).unwrap();
    let dynamics = model.dynamics.as_ref();
    let [channels, height, width] = dynamics.input_shape();
    let picture = vec![0.5f32; channels * height * width];
    let device = candle_core::Device::Cpu;
    let picture = candle_core::Tensor::from_vec(picture, (1, channels, height, width), &device).unwrap();
    let options = ProtocolOptions { timesteps: Some(150), ..ProtocolOptions::default() };
    let schedule = dynamics.schedule(&Presentation::held(picture), &options).unwrap();
    let controls = Controls::defaults(dynamics.controls());
    let run = Run::plain(dynamics, &schedule, &controls);
    let taken = compute_pool(1).unwrap().install(|| {
        let mut workspace = Workspace::new();
        let mut at: Vec<u64> = Vec::with_capacity(schedule.len());
        rollout(&run, dynamics.rest(1).unwrap(), 0..schedule.len(), &mut workspace, |_, _, _: &State| {
            at.extend(pages());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        at[at.len() - 1] - at[at.len() - 101]
    });
    // Reading the count may itself take a page or two; one timestep's tensors are dozens.
    assert!(taken < 20, "100 timesteps took {taken} pages");
}
