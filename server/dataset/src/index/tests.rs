use super::*;

fn names(list: &[&str]) -> Names {
    list.iter().collect()
}

fn small() -> Index {
    let mut index = Index::new(&names(&["a", "a-b", "empty"]));
    index.push_folder(0, b"a", &names(&["1.jpg", "2.jpg"]));
    index.push_folder(0, b"a/n-m", &names(&["1.jpg"]));
    index.push_folder(0, b"a/n/k", &names(&[]));
    index.push_folder(1, b"a-b", &names(&["9.png"]));
    index.sizes_mut().copy_from_slice(&[10, 20, 30, 40]);
    index
}

/// An encoded index whose checksum is right whatever `damage` does before it is computed.
fn read_back(index: &Index, damage: impl Fn(&mut Vec<u8>)) -> io::Result<Index> {
    let mut bytes = Vec::new();
    let mut writer = CacheWriter::new(&mut bytes);
    index.write(&mut writer)?;
    writer.finish()?;
    bytes.truncate(bytes.len() - 32);
    damage(&mut bytes);
    let mut resealed = Vec::new();
    let mut writer = CacheWriter::new(&mut resealed);
    writer.raw(&bytes)?;
    writer.finish()?;
    let mut reader = CacheReader::new(&resealed[..], resealed.len() as u64)?;
    let index = Index::read(&mut reader)?;
    reader.finish().map(|()| index)
}

#[test]
fn samples_know_their_folder() {
    let index = small();
    let listed: Vec<_> = (0..index.len()).map(|s| (index.name(s), index.label(s), index.size(s))).collect();
    let expected = [
        (b"a/1.jpg".to_vec(), 0, 10),
        (b"a/2.jpg".to_vec(), 0, 20),
        (b"a/n-m/1.jpg".to_vec(), 0, 30),
        (b"a-b/9.png".to_vec(), 1, 40),
    ];
    assert_eq!(listed, expected);
    assert_eq!(index.samples_per_class(), [3, 1, 0]);
}

#[test]
fn every_sample_is_found_and_nothing_else() {
    let index = small();
    for sample in 0..index.len() {
        assert_eq!(index.find(&index.name(sample)), Some(sample));
    }
    for name in ["", "/", "a", "a/", "a/3.jpg", "a/n/k/1.jpg", "b/1.jpg", "empty/1.jpg", "a//1.jpg", "1.jpg"]
    {
        assert_eq!(index.find(name.as_bytes()), None, "{name}");
    }
}

#[test]
#[should_panic(expected = "sample 4 of 4")]
fn a_sample_past_the_end_panics() {
    small().label(4);
}

#[test]
fn a_selection_keeps_order_and_classes() {
    let part = small().select(&[false, true, false, true]);
    assert_eq!((part.name(0), part.size(0), part.label(0)), (b"a/2.jpg".to_vec(), 20, 0));
    assert_eq!((part.name(1), part.size(1), part.label(1)), (b"a-b/9.png".to_vec(), 40, 1));
    assert_eq!((part.len(), part.classes().len()), (2, 3));
    assert_eq!(small().select(&[true; 4]).name(3), small().name(3));
}

#[test]
fn an_index_survives_the_codec() {
    assert_eq!(read_back(&small(), |_| ()).unwrap(), small());
    assert_eq!(read_back(&Index::default(), |_| ()).unwrap(), Index::default());
}

/// A forged index with a valid checksum may name other files, but never makes an accessor panic.
#[test]
fn a_forged_index_is_refused_or_sound() {
    let mut accepted = 0;
    for value in [0x00, 0x01, 0x2e, 0x2f, 0x7f, 0xff] {
        for position in 0..270 {
            let forged = read_back(&small(), |bytes| {
                assert_eq!(bytes.len(), 270);
                bytes[position] = value;
            });
            if let Ok(index) = forged {
                accepted += 1;
                exercise(&index);
            }
        }
    }
    assert!(accepted > 0, "every forged index was refused, so nothing was tested");
}

fn exercise(index: &Index) {
    for sample in 0..index.len() {
        let name = index.name(sample);
        assert!(name.split(|&byte| byte == b'/').all(is_plain_name), "{name:?}");
        assert!((index.label(sample) as usize) < index.classes().len());
        index.find(&name);
    }
    index.samples_per_class();
    index.select(&vec![true; index.len() as usize]);
}

/// Fourteen million samples must fit: under 64 bytes each beyond the file name, folders included.
#[test]
fn a_sample_takes_less_than_64_bytes_beyond_its_file_name() {
    let classes: Names = (0..1000).map(|class| format!("n{class:08}")).collect();
    let mut index = Index::new(&classes);
    let mut name_bytes = 0;
    for class in 0..1000 {
        let files: Names = (0..200).map(|file| format!("n{class:08}_{file:06}.JPEG")).collect();
        name_bytes += files.iter().map(|name| name.len() as u64).sum::<u64>();
        index.push_folder(class, classes.get(class as usize), &files);
    }
    index.shrink();
    let beyond = (index.heap_bytes() - name_bytes) as f64 / index.len() as f64;
    assert!((16.0..17.0).contains(&beyond), "{beyond} bytes a sample");
}

/// The worst shape: every sample in a folder of its own.
#[test]
fn a_folder_for_each_sample_still_fits() {
    let mut index = Index::new(&names(&["c"]));
    let file = names(&["i.jpg"]);
    (0..20_000).for_each(|n| index.push_folder(0, format!("c/{n:05}").as_bytes(), &file));
    index.shrink();
    let beyond = index.heap_bytes() as f64 / index.len() as f64 - 5.0;
    assert!(beyond < 64.0, "{beyond} bytes a sample");
}
