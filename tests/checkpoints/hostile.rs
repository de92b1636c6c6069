//! Files made to do harm: an error in one sentence, nothing executed, little memory taken.

use crate::support::*;

/// A state dict with one good tensor, so that a file with it opens where nothing else is wrong.
fn good() -> Vec<u8> {
    floats("0", 2)
}

fn data() -> Vec<(&'static str, Vec<u8>)> {
    vec![("0", bytes_of(&[1.0, 2.0]))]
}

#[test]
fn calls_are_never_made() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("executed");
    let command = format!("touch {}", witness.display());
    for (module, function) in
        [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "getoutput")]
    {
        let attack = call(global(module, function), &[text(&command)]);
        let beside = zip(&dict(&[("model", dict(&[("w", good())])), ("extra", attack.clone())]), &data());
        assert_eq!(open(&beside).unwrap().order, ["w"]);
        assert!(refusal(&zip(&attack, &data())).contains("no tensors"));
        assert!(refusal(&legacy(&pickle(&attack), &[])).contains("no tensors"));
    }
    assert!(!witness.exists());
}

#[test]
fn deep_nesting_is_refused_without_recursion() {
    let deep = [vec![b']'; 900_000], vec![b'a'; 899_999]].concat();
    assert!(refusal(&zip(&deep, &[])).contains("nested deeper"));
    let tuples = [b")".to_vec(), vec![0x85; 900_000]].concat();
    assert!(refusal(&zip(&tuples, &[])).contains("nested deeper"));
    let mut dicts = good();
    for _ in 0..200 {
        dicts = dict(&[("d", dicts)]);
    }
    assert!(refusal(&zip(&dicts, &data())).contains("nested deeper"));
}

#[test]
fn cycles_end() {
    // l = []; l.append(l) and d = {}; d["d"] = d, d["w"] = tensor
    assert!(refusal(&zip(b"]q\x00h\x00a", &[])).contains("no tensors"));
    let cycle = [b"}q\x00(".as_slice(), &text("d"), b"h\x00", &text("w"), &good(), b"u"].concat();
    assert!(refusal(&zip(&cycle, &data())).contains("nested deeper"));
    let key = [b"}q\x00(h\x00h\x00u".as_slice()].concat();
    assert!(refusal(&zip(&key, &[])).contains("no tensors"));
}

#[test]
fn short_pickles_do_not_unfold_without_end() {
    // Each level refers twice to the one below: 2^40 paths.
    let mut laughs = dict(&[("w", good())]);
    laughs.extend(b"q\x00");
    for _ in 0..40 {
        laughs.extend([b"}(".as_slice(), &text("a"), b"h\x00", &text("b"), b"h\x00uq\x00"].concat());
    }
    assert_eq!(open(&zip(&laughs, &data())).unwrap().order, ["w"]);
    // A megabyte of one class name, called again and again.
    let name = text(&"x".repeat(1 << 20));
    let mut copies = [name, b"q\x00".to_vec()].concat();
    for _ in 0..1_000 {
        copies.extend(b"h\x00h\x00\x93");
    }
    assert!(refusal(&zip(&copies, &[])).contains("many times its size"));
    assert!(refusal(&zip(&vec![b'N'; 3_000_000], &[])).contains("more than 1000000 values"));
}

#[test]
fn sizes_beyond_the_file_are_refused() {
    for n in [1 << 20, 1 << 40, i64::MAX] {
        let message = refusal(&zip(&dict(&[("w", floats("0", n))]), &data()));
        assert!(
            message.contains("more than") || message.contains("declared") || message.contains("elements"),
            "{message}"
        );
        let file =
            legacy(&pickle(&dict(&[("w", floats("0", n))])), &[("0".to_owned(), n as u64, bytes_of(&[1.0]))]);
        let message = refusal(&file);
        assert!(message.contains("beyond the end") || message.contains("elements"), "{message}");
    }
    // An expanded view: four bytes that claim to be a terabyte.
    let expanded = view(storage("FloatStorage", "0", 2), 0, &[1 << 20, 1 << 18], &[0, 0]);
    assert!(refusal(&zip(&dict(&[("w", expanded)]), &data())).contains("tensors of 1048576 MiB"));
    for (shape, stride) in [
        (vec![-1], vec![1]),
        (vec![3], vec![1]),
        (vec![i64::MAX; 3], vec![1; 3]),
        (vec![2], vec![i64::MAX]),
        (vec![2, 2], vec![1]),
    ] {
        let view = view(storage("FloatStorage", "0", 2), 0, &shape, &stride);
        refusal(&zip(&dict(&[("w", view)]), &data()));
    }
    let outside = view(storage("FloatStorage", "0", 2), i64::MAX, &[1], &[1]);
    refusal(&zip(&dict(&[("w", outside)]), &data()));
}

#[test]
fn a_legacy_count_that_disagrees_is_refused() {
    let object = pickle(&dict(&[("w", floats("0", 2))]));
    let file = legacy(&object, &[("0".to_owned(), 3, bytes_of(&[1.0, 2.0]))]);
    assert!(refusal(&file).contains("two sizes"));
    let missing = legacy(&object, &[]);
    assert!(refusal(&missing).contains("no tensor data under the key \"0\""));
}

#[test]
fn entries_that_point_out_of_the_archive_are_refused() {
    for name in ["net/../../../etc/passwd", "/etc/passwd", "net\\data\\0"] {
        let mut entries = vec![("net/data.pkl".to_owned(), pickle(&dict(&[("w", good())])))];
        entries.push(("net/data/0".to_owned(), bytes_of(&[1.0, 2.0])));
        entries.push((name.to_owned(), b"x".to_vec()));
        let file = zip_entries(&entries, zip::CompressionMethod::Stored);
        assert!(refusal(&file).contains("points out of the archive"), "{name}");
    }
    // A storage key is only looked up among the entries.
    let object = dict(&[("w", floats("../../../../etc/passwd", 2))]);
    assert!(refusal(&zip(&object, &data())).contains("no entry"));
}

#[test]
fn a_small_archive_does_not_inflate_to_a_large_pickle_or_tensor() {
    let bomb = pickle(&vec![b'N'; 60 << 20]);
    let file = zip_entries(&[("a/data.pkl".to_owned(), bomb)], zip::CompressionMethod::Deflated);
    assert!(file.len() < 1 << 20);
    assert!(refusal(&file).contains("more than"));
    let n = 100 << 20;
    let entries = [
        ("a/data.pkl".to_owned(), pickle(&dict(&[("w", floats("0", n / 4))]))),
        ("a/data/0".to_owned(), vec![0; n as usize]),
    ];
    let file = zip_entries(&entries, zip::CompressionMethod::Deflated);
    assert!(refusal(&file).contains("MiB"));
}

#[test]
fn entry_sizes_that_lie_are_refused() {
    let file = zip(&dict(&[("w", good())]), &data());
    assert!(open(&file).is_ok());
    // Compressed and plain size of each entry in the central directory, 20 and 24 bytes behind its signature.
    let headers: Vec<usize> =
        file.windows(4).enumerate().filter(|(_, w)| w == b"PK\x01\x02").map(|(at, _)| at).collect();
    for header in headers {
        for (field, size) in [(20, 1u32), (24, 1), (24, 1 << 30), (20, u32::MAX - 1), (24, u32::MAX - 1)] {
            let mut lying = file.clone();
            lying[header + field..header + field + 4].copy_from_slice(&size.to_le_bytes());
            refusal(&lying);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_weights_is_noticed() {
    let mut file = zip(&dict(&[("w", good())]), &data());
    let at = file.windows(8).position(|window| window == bytes_of(&[1.0, 2.0])).unwrap();
    file[at] ^= 1;
    assert!(refusal(&file).contains("hecksum"));
}

#[test]
fn what_is_no_checkpoint_is_named() {
    for (bytes, kind) in [
        (b"".as_slice(), "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x80\x02]q\x00.", "a pickle without tensor data"),
        (b"epoch,loss\n1,2\n", "text"),
        (b"\x00\x01\x02", "other bytes"),
        (b"PK\x05\x06", "other bytes"),
    ] {
        let message = refusal(bytes);
        assert!(message.contains(kind) || kind == "other bytes", "{message}");
    }
    refusal(b"PK\x03\x04");
    let big_endian = [("a/data.pkl".to_owned(), pickle(b"}")), ("a/byteorder".to_owned(), b"big".to_vec())];
    assert!(refusal(&zip_entries(&big_endian, zip::CompressionMethod::Stored)).contains("\"big\""));
}
