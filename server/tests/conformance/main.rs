//! The Autobahn cases against the gateway's own frame code.
//!
//! `kosoku` plays the client of every case against an echo server that exists only here: the code
//! of `carillon::gateway::frame` with a limit that the large messages of section 9 fit. Sections 12
//! and 13 are about compression, which the protocol leaves out.

mod echo;

use std::{
    collections::BTreeMap,
    env,
    io::Read,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Sections 1 to 7 and 10 have 247 cases, section 9 has 54.
const CASES: usize = 301;
/// It takes about 4 s, ten times that on a busy machine.
const RUN_MAX: Duration = Duration::from_secs(300);

/// One line of the report.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    behavior: String,
    behavior_close: String,
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the server is in the workspace")
}

/// The program, from the environment that `CONFORMANCE_PYTHON_ENV` names.
fn kosoku() -> PathBuf {
    let python_env = env::var_os("CONFORMANCE_PYTHON_ENV")
        .map_or_else(|| workspace().join("target/python-env"), PathBuf::from);
    let program = python_env.join("bin/kosoku");
    assert!(
        program.exists(),
        "{program} is missing; make it with:\n  python3 -m venv {python_env} && \
         {python_env}/bin/pip install -r server/tests/conformance/requirements.txt",
        program = program.display(),
        python_env = python_env.display(),
    );
    program
}

/// Runs every case and returns the report: case → outcome.
fn run(program: &Path, address: &str, report: &Path) -> BTreeMap<String, Case> {
    let mut child = Command::new(program)
        .args(["-p", "4", "-x", "12.*", "-x", "13.*", "-o"])
        .args([report.as_os_str(), address.as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("kosoku starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    let (over, wait) = mpsc::channel();
    thread::spawn(move || {
        let mut printed = String::new();
        let read = stdout.read_to_string(&mut printed).map(|_| printed);
        over.send(read).expect("the test waits");
    });
    let Ok(printed) = wait.recv_timeout(RUN_MAX) else {
        child.kill().expect("it still runs");
        panic!("kosoku was not done after {RUN_MAX:?}");
    };
    let status = child.wait().expect("it ends when its output does");
    let printed = printed.expect("it prints UTF-8");
    let Ok(index) = std::fs::read(report.join("index.json")) else {
        panic!("kosoku wrote no report ({status}):\n{printed}");
    };
    let agents: BTreeMap<String, BTreeMap<String, Case>> =
        serde_json::from_slice(&index).expect("the report is a map of agents");
    agents.into_values().next().expect("there is one agent: this server")
}

#[test]
fn every_autobahn_case_without_compression_passes() {
    let program = kosoku();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || echo::serve(&listener));

    let report = tempfile::tempdir().expect("a folder for the report");
    let cases = run(&program, &address, report.path());

    let passed = |outcome: &str| matches!(outcome, "OK" | "INFORMATIONAL" | "NON-STRICT");
    let mut counts = BTreeMap::<&str, usize>::new();
    let mut failed = Vec::new();
    for (name, case) in &cases {
        *counts.entry(&case.behavior).or_default() += 1;
        if !passed(&case.behavior) || !passed(&case.behavior_close) {
            failed.push(format!("{name}: {} (close: {})", case.behavior, case.behavior_close));
        }
    }
    println!("{} cases: {counts:?}", cases.len());
    assert!(failed.is_empty(), "these fail:\n{}", failed.join("\n"));
    assert_eq!(cases.len(), CASES);
}
