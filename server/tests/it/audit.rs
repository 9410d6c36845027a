//! The audit log as its operator meets it: shown, signed and proved from the command line.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::process::{Process, add_org, add_person, carillon, run};

/// What a command says that fails.
fn refusal(data: &Path, args: &[&str]) -> String {
    let output = carillon().arg("--data").arg(data).args(args).output();
    let output = tokio::task::block_in_place(|| output).unwrap();
    assert!(!output.status.success(), "{args:?} should fail");
    let (said, why) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{said}{why}")
}

/// A server that administered something, and went down in order.
async fn administered(data: &Path, people: &[&str]) {
    let server = Process::serve(data).await;
    let org = match people.first() {
        Some(&"amy") => add_org(data, "Harbour"),
        _ => run(data, &["audit", "list", "--op", "org.create"])
            .split_whitespace()
            .find_map(|word| word.strip_prefix("org:"))
            .unwrap()
            .parse()
            .unwrap(),
    };
    people.iter().for_each(|login| drop(add_person(data, org, login)));
    server.terminate();
    assert!(server.status().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_line_administers_is_listed_signed_and_proved() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    administered(data, &["amy", "bob"]).await;
    let listed = run(data, &["audit", "list"]);
    // An organisation, and two people with a token each.
    assert_eq!(listed.lines().count(), 5, "{listed}");
    assert!(listed.lines().next().unwrap().contains("session.issue"), "the newest first: {listed}");
    let proved = run(data, &["audit", "verify"]);
    assert!(proved.contains("all 5 rows are as they were written; row 5 was signed"), "{proved}");
    let mode = fs::metadata(data.join("audit.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Elsewhere, with what the auditor kept.
    let (key, roots) = (run(data, &["audit", "key"]), folder.path().join("kept.jsonl"));
    fs::copy(data.join("audit-roots.jsonl"), &roots).unwrap();
    let args = ["audit", "verify", "--key", key.trim(), "--roots", roots.to_str().unwrap()];
    assert!(run(data, &args).contains("all 5 rows"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_roots_that_was_changed_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    administered(data, &["amy"]).await;
    let path = data.join("audit-roots.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"n\":", "\"n\":1", 1)).unwrap();
    let told = refusal(data, &["audit", "verify"]);
    assert!(told.contains("line 1 of") && told.contains("it was changed"), "{told}");
    fs::remove_file(&path).unwrap();
    assert!(refusal(data, &["audit", "verify"]).contains("audit-roots.jsonl"), "it is missed");
    fs::write(data.join("audit.key"), "no key").unwrap();
    assert!(refusal(data, &["serve"]).contains("is not the key that this server made"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restored_over_what_was_signed_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("b.carillon"));
    administered(&data, &["amy"]).await;
    run(&data, &["backup", file.to_str().unwrap()]);
    administered(&data, &["bob", "carol"]).await;
    assert!(run(&data, &["audit", "verify"]).contains("all 7 rows"));
    run(&data, &["restore", "--force", file.to_str().unwrap()]);
    let told = refusal(&data, &["audit", "verify"]);
    assert!(told.contains("rows 4 to 7 are missing at the end"), "{told}");
    administered(&data, &["dora"]).await;
    let told = refusal(&data, &["audit", "verify"]);
    let wanted = "row 4 says that the database was restored from a backup";
    assert!(told.contains(wanted) && told.contains("up to row 7"), "{told}");
    assert_eq!(told.matches("broken:").count(), 1, "{told}");
}
