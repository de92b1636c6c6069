//! Textures of maps and images, made once per content and dropped when they are out of use.

use std::sync::Arc;

use egui::{ColorImage, Context, Id, TextureHandle, TextureId, TextureOptions};
use gainfield::figure::{ColourMap, Ground};

/// Frames a texture stays after it was drawn last.
const KEEP_FRAMES: u64 = 300;
/// Textures kept at most; the oldest go first.
const KEEP: usize = 512;

/// What a texture shows. The numbers are held, so that their address stays theirs.
#[derive(Clone)]
struct Entry {
    key: Key,
    _source: Source,
    handle: TextureHandle,
    used: u64,
}

#[derive(Clone)]
enum Source {
    Image { _image: Arc<ColorImage> },
    Values { _values: Arc<[f32]> },
    Table,
}

#[derive(Clone, Copy, PartialEq)]
enum Key {
    Image(usize),
    Maps(MapsKey),
    Table(ColourMap, Ground),
}

/// Everything that a map's pixels follow from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapsKey {
    /// Address of the numbers.
    source: usize,
    map: ColourMap,
    ground: Ground,
    range: [f32; 2],
    /// Anything else: which cells, in which order, on what.
    salt: u64,
}

#[derive(Clone, Default)]
struct Cache {
    entries: Vec<Entry>,
}

fn with_cache<R>(ctx: &Context, work: impl FnOnce(&mut Cache, u64) -> R) -> R {
    let id = Id::unique("gainfield.textures");
    let frame = ctx.cumulative_frame_nr();
    let cache =
        ctx.data_mut(|data| Arc::clone(data.get_temp_mut_or_default::<Arc<egui::mutex::Mutex<Cache>>>(id)));
    let mut cache = cache.lock();
    work(&mut cache, frame)
}

fn get(
    ctx: &Context,
    key: Key,
    source: impl FnOnce() -> Source,
    pixels: impl FnOnce() -> ColorImage,
) -> TextureId {
    let known = with_cache(ctx, |cache, frame| {
        let entry = cache.entries.iter_mut().find(|entry| entry.key == key)?;
        entry.used = frame;
        Some(entry.handle.id())
    });
    if let Some(id) = known {
        return id;
    }
    let handle = ctx.load_texture("map", pixels(), TextureOptions::NEAREST);
    let id = handle.id();
    with_cache(ctx, |cache, frame| {
        cache.entries.retain(|entry| entry.used + KEEP_FRAMES > frame);
        if cache.entries.len() >= KEEP {
            cache.entries.remove(0);
        }
        cache.entries.push(Entry { key, _source: source(), handle, used: frame });
    });
    id
}

/// An image as it is.
pub fn image(ctx: &Context, image: &Arc<ColorImage>) -> TextureId {
    let key = Key::Image(Arc::as_ptr(image) as usize);
    get(ctx, key, || Source::Image { _image: Arc::clone(image) }, || ColorImage::clone(image))
}

/// How numbers become colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colouring {
    pub map: ColourMap,
    pub ground: Ground,
    pub range: [f32; 2],
}

impl Colouring {
    /// The colour of one value; NaN is the hatch's colour.
    pub fn pixel(&self, value: f32) -> egui::Color32 {
        let table = self.map.table(self.ground);
        let range = self.range.map(f64::from);
        match gainfield::figure::cmap::sample(table, f64::from(value), range) {
            Some([r, g, b]) => egui::Color32::from_rgb(r, g, b),
            None => {
                let [r, g, b] = gainfield::figure::roles::hatch_colour(self.ground);
                egui::Color32::from_rgb(r, g, b)
            }
        }
    }
}

/// A map made of `values`; `draw` gives the pixels and runs only for content not seen lately.
pub fn map(
    ctx: &Context,
    values: &Arc<[f32]>,
    colouring: Colouring,
    salt: u64,
    draw: impl FnOnce() -> ColorImage,
) -> TextureId {
    let key = Key::Maps(MapsKey {
        source: Arc::as_ptr(values).cast::<f32>() as usize,
        map: colouring.map,
        ground: colouring.ground,
        range: colouring.range,
        salt,
    });
    get(ctx, key, || Source::Values { _values: Arc::clone(values) }, draw)
}

/// A whole single map of `width` columns.
pub fn plane(ctx: &Context, values: &Arc<[f32]>, width: usize, colouring: Colouring) -> TextureId {
    map(ctx, values, colouring, 0, || {
        let height = values.len() / width.max(1);
        let pixels = values.iter().take(width * height).map(|&v| colouring.pixel(v)).collect();
        ColorImage::new([width, height], pixels)
    })
}

/// The 256 colours of a map from low to high, for its bar.
pub fn bar(ctx: &Context, map: ColourMap, ground: Ground) -> TextureId {
    get(
        ctx,
        Key::Table(map, ground),
        || Source::Table,
        || {
            let pixels =
                map.table(ground).iter().map(|&[r, g, b]| egui::Color32::from_rgb(r, g, b)).collect();
            ColorImage::new([256, 1], pixels)
        },
    )
}

/// The ground that goes with the theme.
pub fn ground(dark: bool) -> Ground {
    if dark { Ground::Dark } else { Ground::Light }
}
