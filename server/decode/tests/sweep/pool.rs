//! Files to damage.

use std::{fs, path::Path};

use crate::{crafted, damage, generate, random::Random};

/// Generated, crafted and golden files.
pub(crate) fn small(seed: u64) -> Vec<Vec<u8>> {
    let generated = (0..60).map(|number| generate::image(seed, number * 577));
    let crafted = (0..20).map(|number| crafted::file(seed, number));
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/golden/files", "../jpeg/tests/golden"];
    generated.chain(crafted).chain(folders.into_iter().flat_map(|folder| jpegs(&here.join(folder)))).collect()
}

/// All JPEGs of a folder and of those in it, in the order of their paths; also those without an extension, as fuzzing leaves
/// them.
pub(crate) fn jpegs(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    walk(folder, &mut paths);
    paths.sort();
    let files = paths.iter().map(|path| fs::read(path).expect("a file of the folder"));
    files.filter(|bytes| bytes.starts_with(&[0xFF, 0xD8])).collect()
}

pub(crate) fn walk(folder: &Path, paths: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a folder").path();
        if path.is_dir() {
            walk(&path, paths);
        } else if path.extension().is_none_or(|end| end == "jpg" || end == "jpeg" || end == "JPEG") {
            paths.push(path);
        }
    }
}

/// The file of the pool that is damaged as number `number`.
pub(crate) fn origin(pool: &[Vec<u8>], number: u64) -> &[u8] {
    &pool[(number % pool.len() as u64) as usize]
}

/// The damaged file of a number.
pub(crate) fn damaged(pool: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let random = &mut Random::new(seed, number);
    let other = &pool[random.below(pool.len())];
    damage::damage(origin(pool, number), other, random)
}
