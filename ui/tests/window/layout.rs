//! Small windows keep what matters in view; both themes and all layouts draw.

use egui_kittest::kittest::Queryable as _;
use gainfield_ui::command::{Command, Layout};

use super::support::{bundled, open_bundled, sized};

#[test]
fn at_1280_by_720_nothing_important_is_cut_off() {
    let mut window = sized(1280.0, 720.0);
    open_bundled(&mut window);
    let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1280.0, 720.0));
    for name in ["Play", "Export", "Branch from here", "Layout: Step", "Playhead"] {
        let rect = window.get_by_label(name).rect();
        assert!(screen.contains_rect(rect), "{name} lies at {rect:?}");
    }
    let play = window.get_by_label("Play").rect();
    assert!(play.width() >= 24.0 && play.height() >= 24.0);
}

#[test]
fn every_layout_draws_in_both_themes() {
    let mut window = bundled();
    for theme in [egui::ThemePreference::Dark, egui::ThemePreference::Light] {
        window.state_mut().send(Command::SetTheme(theme));
        for layout in Layout::ALL {
            window.state_mut().send(Command::SetLayout(layout));
            window.run_steps(4);
            window.get_by_label("Export");
        }
    }
}

#[test]
fn a_view_fills_the_window_and_gives_it_back() {
    use gainfield_ui::dock::ViewKind;
    let mut window = bundled();
    window.state_mut().send(Command::Maximise(ViewKind::AreaMaps));
    window.run_steps(3);
    assert!(window.query_by_label("Stimulus image").is_none());
    window.state_mut().send(Command::RestoreViews);
    window.run_steps(3);
    window.get_by_label("Stimulus image");
}
