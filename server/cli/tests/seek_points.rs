//! Seek points never show: the same bytes without them, while they are made, with them, and with those of other bytes.

#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod common;

use std::{fs, path::Path, time::Duration};

use bandwise_client::proto;
use bandwise_decode::JpegPath;
use common::{Dataset, Rows, Server, job, photos, pull_all};
use tempfile::TempDir;

const STEPS: std::ops::Range<u64> = 0..24;

/// A daemon over `dataset` whose cache is in `cache`.
async fn daemon(dataset: &Path, cache: &Path, seek_points: bool) -> Server {
    Server::with(dataset, |config| {
        config.cache_dir = Some(cache.to_owned());
        config.seek_points = seek_points;
        config.seek_spacing = 4;
    })
    .await
}

async fn rows(server: &Server, fidelity: proto::Fidelity) -> Rows {
    pull_all(&server.connect().await, proto::Job { fidelity: fidelity.into(), ..job(4) }, STEPS).await
}

fn decodes(server: &Server, path: JpegPath) -> u64 {
    let paths = server.daemon.stats().jpeg_paths();
    paths.into_iter().find(|(known, _)| *known == path).map_or(0, |(_, count)| count)
}

/// Waits until the file of seek points has grown to its end.
async fn settled(cache: &Path) -> u64 {
    let len = || {
        let files = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap());
        let seek = files.filter(|file| file.path().extension().is_some_and(|end| end == "seek"));
        seek.map(|file| file.metadata().unwrap().len()).sum::<u64>()
    };
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = len();
        if now > 0 && now == before {
            return now;
        }
        before = now;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_are_the_same_with_and_without() {
    let cache = TempDir::new().unwrap();
    let without = daemon(&photos(), cache.path(), false).await;
    let expected = rows(&without, proto::Fidelity::Exact).await;
    let expected_fast = rows(&without, proto::Fidelity::Fast).await;
    assert_eq!(decodes(&without, JpegPath::OwnFromPoints), 0);
    assert!(decodes(&without, JpegPath::Own) > 40, "{:?}", without.daemon.stats().jpeg_paths());
    assert!(
        !fs::read_dir(cache.path())
            .unwrap()
            .any(|entry| { entry.unwrap().path().extension().is_some_and(|end| end == "seek") })
    );

    // Two daemons make them at the same time, in one file.
    let photos = photos();
    let (one, other) = tokio::join!(daemon(&photos, cache.path(), true), daemon(&photos, cache.path(), true));
    let both = tokio::join!(rows(&one, proto::Fidelity::Exact), rows(&other, proto::Fidelity::Exact));
    assert_eq!(both.0, expected);
    assert_eq!(both.1, expected);
    settled(cache.path()).await;

    let warm = daemon(&photos, cache.path(), true).await;
    assert_eq!(rows(&warm, proto::Fidelity::Exact).await, expected);
    assert_eq!(rows(&warm, proto::Fidelity::Fast).await, expected_fast);
    assert_eq!(decodes(&warm, JpegPath::Own), 0, "{:?}", warm.daemon.stats().jpeg_paths());
    assert!(decodes(&warm, JpegPath::OwnFromPoints) > 40);
    // Later ones of the daemons that made them use them too.
    assert_eq!(rows(&one, proto::Fidelity::Exact).await, expected);
    assert!(decodes(&one, JpegPath::OwnFromPoints) > 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_replaced_by_another_of_the_same_size_and_time_is_decoded_as_itself() {
    let (cache, dataset) = (TempDir::new().unwrap(), Dataset::new());
    let path = dataset.photo("a/1.jpg", "nature/cat.jpg");
    for (name, photo) in
        [("a/2.jpg", "nature/grass.jpg"), ("b/3.jpg", "place/palace.jpg"), ("b/4.jpg", "thing/cup.jpg")]
    {
        dataset.photo(name, photo);
    }
    let (cat, cup) = (fs::read(&path).unwrap(), fs::read(photos().join("thing/cup.jpg")).unwrap());
    // Bytes behind the end of a JPEG count for nothing.
    let len = cat.len().max(cup.len()) + 10;
    let padded = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.resize(len, 0);
        bytes
    };
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    let write = |bytes: &[u8]| {
        fs::write(&path, padded(bytes)).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    };
    write(&cup);
    let expected = rows(&daemon(dataset.path(), cache.path(), false).await, proto::Fidelity::Exact).await;

    write(&cat);
    let server = daemon(dataset.path(), cache.path(), true).await;
    let of_the_cat = rows(&server, proto::Fidelity::Exact).await;
    settled(cache.path()).await;
    assert_eq!(rows(&server, proto::Fidelity::Exact).await, of_the_cat);
    assert!(decodes(&server, JpegPath::OwnFromPoints) > 0);
    // While the daemon runs.
    write(&cup);
    assert_eq!(rows(&server, proto::Fidelity::Exact).await, expected);
    assert_ne!(of_the_cat, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_foreign_file_of_seek_points_changes_nothing() {
    let cache = TempDir::new().unwrap();
    let expected = rows(&daemon(&photos(), cache.path(), false).await, proto::Fidelity::Exact).await;
    drop(rows(&daemon(&photos(), cache.path(), true).await, proto::Fidelity::Exact).await);
    settled(cache.path()).await;
    let is_seek = |path: &Path| path.extension().is_some_and(|end| end == "seek");
    let file =
        fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().path()).find(|path| is_seek(path));
    let (file, intact) = (file.clone().unwrap(), fs::read(file.unwrap()).unwrap());
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.iter_mut().skip(64).step_by(97).for_each(|byte| *byte ^= 0x10),
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| bytes.fill(7),
        |bytes| bytes.clear(),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let mut bytes = intact.clone();
        damage(&mut bytes);
        fs::write(&file, bytes).unwrap();
        let server = daemon(&photos(), cache.path(), true).await;
        assert_eq!(rows(&server, proto::Fidelity::Exact).await, expected, "damage {number}");
    }
}
