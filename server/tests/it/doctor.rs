//! `carillon doctor` looks, and touches nothing.

use std::{collections::BTreeMap, fs, path::Path, process::Output};

use crate::process::{Process, add_org, carillon};

/// What it says of a data folder, where so many connections may come.
fn doctor(data: &Path, connections_max: &str) -> Output {
    let mut doctor = carillon();
    doctor.args(["doctor", "--data"]).arg(data);
    doctor.env("CARILLON_LISTEN", "127.0.0.1:0");
    doctor.env("CARILLON_LIMITS__CONNECTIONS_MAX", connections_max);
    doctor.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    files
        .map(|file| {
            let name = file.file_name().into_string().unwrap();
            (name, fs::read(file.path()).unwrap())
        })
        .collect()
}

#[test]
fn the_doctor_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let output = doctor(&data, "10");
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("data folder: ") && text.contains("will be made"), "{text}");
    assert!(text.contains("rooms: UDP and TCP from 127.0.0.1:0 on are free"), "{text}");
    assert_eq!(contents(folder.path()).len(), 0);

    add_org(&data, "Harbour");
    let before = contents(&data);
    let output = doctor(&data, "10");
    let text = said(&output);
    assert!(output.status.success() && text.contains("database: opens and reads"), "{text}");
    assert_eq!(contents(&data), before);
}

#[test]
fn the_doctor_names_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("carillon.db"), "this is no database, and long enough").unwrap();
    let output = doctor(folder.path(), "4000000000");
    let text = said(&output);
    assert!(!output.status.success());
    assert!(text.contains("wrong  database: ") && text.contains("last backup"), "{text}");
    assert!(text.contains("wrong  file handles: "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_leaves_a_running_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::serve(folder.path()).await;
    let text = said(&doctor(folder.path(), "10"));
    assert!(text.contains("database: a running server has it"), "{text}");
    process.terminate();
    assert_eq!(process.status().await.code(), Some(0));
}
