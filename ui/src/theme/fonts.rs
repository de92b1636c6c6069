//! The bundled fonts and their families.

use std::sync::{Arc, LazyLock};

use egui::{FontData, FontDefinitions, FontFamily};

/// The families that text is set in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Ui,
    UiMedium,
    UiSemibold,
    Mono,
    Icon,
    IconFill,
}

const FILES: [(&str, &[u8]); 6] = [
    ("ui", include_bytes!("../../../assets/fonts/Inter-Regular-tnum.otf")),
    ("ui_medium", include_bytes!("../../../assets/fonts/Inter-Medium-tnum.otf")),
    ("ui_semibold", include_bytes!("../../../assets/fonts/Inter-SemiBold-tnum.otf")),
    ("mono", include_bytes!("../../../assets/fonts/JetBrainsMono-Regular-subset.ttf")),
    ("icon", include_bytes!("../../../assets/fonts/Phosphor-subset.ttf")),
    ("icon_fill", include_bytes!("../../../assets/fonts/Phosphor-Fill-subset.ttf")),
];

static FAMILIES: LazyLock<[FontFamily; 6]> =
    LazyLock::new(|| FILES.map(|(name, _)| FontFamily::Name(Arc::from(name))));

/// The egui family of `of`; a clone of a shared name, so it is cheap while painting.
pub fn family(of: Family) -> FontFamily {
    FAMILIES[of as usize].clone()
}

/// All bundled fonts, each family with egui's own as fallback.
pub(super) fn definitions() -> FontDefinitions {
    let mut definitions = FontDefinitions::default();
    let fallback = definitions.families.get(&FontFamily::Proportional).cloned().unwrap_or_default();
    for (name, bytes) in FILES {
        definitions.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        let mut chain = vec![name.to_owned()];
        if name.starts_with("icon") {
            chain.push("ui".to_owned());
        }
        chain.extend(fallback.iter().cloned());
        definitions.families.insert(FontFamily::Name(Arc::from(name)), chain);
    }
    for (standard, ours) in [(FontFamily::Proportional, "ui"), (FontFamily::Monospace, "mono")] {
        definitions.families.entry(standard).or_default().insert(0, ours.to_owned());
    }
    definitions
}
