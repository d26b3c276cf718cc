//! The whole bench once, with a daemon in this process and without the copies that need another one.

use bandwise_client::Connection;
use bandwise_dataset::NoProgress;
use bandwise_server::{
    config::{Config, Settings as DaemonSettings, Source as Kind},
    server::{Daemon as InProcess, open_datasets},
};
use tempfile::TempDir;

use super::{super::Quantiles, *};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_measured() {
    let folder = TempDir::new().unwrap();
    let config = Config {
        listen: vec![format!("unix:{}", folder.path().join("t.sock").display()), "127.0.0.1:0".to_owned()],
        threads: 2,
        source: Some(Kind::Synthetic),
        ..Config::default()
    };
    let settings = DaemonSettings::check(&config).unwrap();
    let catalog = open_datasets(&settings, |_| Box::new(NoProgress)).unwrap();
    let daemon = InProcess::start(&settings, catalog).await.unwrap();
    let unix = Connection::open(&daemon.addresses()[0]).await.unwrap();
    let source = Source::connect(unix, &daemon.addresses()[1], None).await.unwrap();
    let subjects: Vec<Subject> =
        Subject::all().into_iter().filter(|subject| !matches!(subject, Subject::Plain(_))).collect();
    let settings = Settings { rounds: 1, threads: 2, time: Duration::from_millis(1) };
    let mut asked = 0;
    let outcome = with_daemon(&settings, &source, &subjects, |_| asked += 1).await.unwrap();
    assert_eq!(asked, subjects.len() + Outcome::SINGLES.len());
    assert!(outcome.subjects.iter().all(|subject| subject.gb_per_s.min > 0.0), "{outcome:?}");
    let measured = |quantiles: Quantiles| quantiles.p50 > 0.0 && quantiles.p99 >= quantiles.p50;
    for single in &outcome.singles {
        assert!([single.trip_us, single.arrival_us, single.wait_us].into_iter().all(measured), "{single:?}");
    }
}
