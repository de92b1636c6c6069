//! Evaluation and extraction over a list of trials, from the inspector's buttons to the files.

use std::path::Path;

use gainfield_ui::command::Command;
use gainfield_ui::item::Group;

use super::support::{answering, bundled, messages, press, settle, wait_until};

fn trials(folder: &Path) {
    for (name, grey) in [("a.png", 30_u8), ("b.png", 120), ("c.png", 250)] {
        image::GrayImage::from_pixel(42, 28, image::Luma([grey])).save(folder.join(name)).unwrap();
    }
    let list = "file,label,side\na.png,3,left\nb.png,0,right\nc.png,9,left\n";
    std::fs::write(folder.join("trials.csv"), list).unwrap();
}

#[test]
fn a_list_of_trials_is_evaluated_and_extracted_in_the_background() {
    let folder = tempfile::tempdir().unwrap();
    trials(folder.path());
    let mut window = bundled();
    window.state_mut().send(Command::Open(vec![folder.path().join("trials.csv")]));
    settle(&mut window);
    let recording = window.state().document().recording.unwrap();
    window.state_mut().send(Command::Select(recording));
    window.run_steps(3);

    let results = folder.path().join("results");
    window.state_mut().set_dialog(answering(vec![results.clone()]));
    press(&mut window, "Evaluate…");
    settle(&mut window);
    let table = std::fs::read_to_string(results.join("evaluation.csv")).unwrap();
    // Two trials, each judged at the end of both phases.
    assert!(table.contains("final,,,,side,left,4,"), "{table}");
    assert!(messages(&window).iter().any(|text| text.contains("% right")), "{:?}", messages(&window));
    assert_eq!(window.state().document().group(Group::Figures).count(), 1);

    window.state_mut().send(Command::Select(recording));
    window.run_steps(3);
    let archive = folder.path().join("f.npz");
    window.state_mut().set_dialog(answering(vec![archive.clone()]));
    press(&mut window, "Extract…");
    wait_until(&mut window, "the archive", |_| archive.is_file());
    settle(&mut window);
    assert!(messages(&window).iter().any(|text| text.contains("of 3 trials")), "{:?}", messages(&window));
}

#[test]
fn an_evaluation_ends_on_request_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let mut window = bundled();
    let recording = window.state().document().recording.unwrap();
    window.state_mut().send(Command::Select(recording));
    window.run_steps(3);
    window.state_mut().set_dialog(answering(vec![results.clone()]));
    press(&mut window, "Evaluate…");
    wait_until(&mut window, "the job", |window| window.state().jobs().iter().next().is_some());
    let job = window.state().jobs().iter().next().unwrap().id;
    window.state_mut().send(Command::CancelJob(job));
    settle(&mut window);
    assert!(messages(&window).iter().any(|text| text.contains("evaluation was stopped")));
    assert!(!results.exists());
}
