//! Probes: conditions are chosen, responses seen over time, fields mapped, inhibition measured.

use gainfield::dynamics::Units;
use gainfield::probe::ProbeRecipe;
use gainfield_ui::command::{Command, Layout};
use gainfield_ui::document::UnitRef;

use super::support::{Window, bundled, click, settle};
use egui_kittest::kittest::Queryable as _;

/// A probe of a second or less.
fn small() -> ProbeRecipe {
    ProbeRecipe {
        area: "conv2_out".to_owned(),
        units: Units::position(4, 3),
        values: vec![0.0, 45.0, 90.0, 135.0],
        positions: 1,
        widths: vec![1.5],
        ..ProbeRecipe::default()
    }
}

fn probed() -> Window {
    let mut window = bundled();
    window.state_mut().send(Command::AddProbe(Box::new(small())));
    settle(&mut window);
    assert_eq!(window.state().settings().layout, Layout::Probe);
    window
}

fn conditions(window: &Window) -> Vec<String> {
    let document = window.state().document();
    let data = window.state().probing().get(document.probe.unwrap()).unwrap().data.clone().unwrap();
    data.result.conditions.iter().map(|condition| condition.name.to_owned()).collect()
}

#[test]
fn a_probe_summarises_every_area_of_maps() {
    let window = probed();
    let probe = window.state().document().probe.unwrap();
    let data = window.state().probing().get(probe).unwrap().data.clone().unwrap();
    let names: Vec<&str> = data.areas.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"conv1_out") && names.contains(&"conv2_out"), "{names:?}");
    let place = |name| names.iter().position(|one| *one == name);
    assert!(place("conv1_out") < place("conv2_out"), "in the order of the network: {names:?}");
}

#[test]
fn conditions_are_chosen_by_their_boxes() {
    let mut window = probed();
    assert_eq!(conditions(&window), ["attended", "unattended", "first_pass"]);
    click(&mut window, "gain off");
    settle(&mut window);
    assert!(conditions(&window).contains(&"gain_off".to_owned()));
    click(&mut window, "first pass, no gain");
    settle(&mut window);
    assert_eq!(conditions(&window), ["attended", "unattended", "gain_off"]);
}

#[test]
fn responses_are_seen_over_time() {
    let mut window = probed();
    click(&mut window, "Tuning shows: Over time");
    window.get_by_label("Response over time");
    click(&mut window, "Tuning shows: Orientation");
    assert!(window.query_by_label("Response over time").is_none());
}

#[test]
fn the_field_of_the_selected_unit_is_mapped_when_it_is_looked_at() {
    let mut window = bundled();
    let unit = UnitRef { area: "conv1_out".to_owned(), unit: 12 * 39 + 8 };
    window.state_mut().send(Command::SelectUnit(unit));
    window.run_steps(2);
    window.get_by_role_and_label(egui::Role::Tab, "Receptive field").click();
    window.run_steps(4);
    settle(&mut window);
    window.get_by_role_and_label(egui::Role::Figure, "Receptive field");
}

#[test]
fn inhibition_is_measured_on_demand() {
    let mut window = bundled();
    window.state_mut().send(Command::SetLayout(Layout::Probe));
    window.run_steps(2);
    click(&mut window, "Inhibition of return");
    click(&mut window, "Measure");
    settle(&mut window);
    let model = window.state().document().current_model().unwrap().identity;
    let result = window.state().probing().inhibition(model).unwrap().data.clone().unwrap();
    assert_eq!(result.n_stimuli, 256);
    assert!(result.gating.attended_mean < result.gating.unattended_mean, "the gate spares what is attended");
    window.get_by_label("Gates");
}
