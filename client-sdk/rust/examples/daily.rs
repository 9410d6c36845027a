//! Posts each working day at nine what happened in the robot's group on the day before.

use carillon_client::{Client, Error, Options, protocol::schedule::*};

#[tokio::main]
pub(crate) async fn main() -> Result<(), Error> {
    let [url, token, robot] =
        ["CARILLON_URL", "CARILLON_TOKEN", "ROBOT"].map(|k| std::env::var(k).expect(k));
    let owner = Client::connect(Options::new(url, token)).await?;
    let (title, cron) = ("Yesterday in this group".into(), "0 9 * * 1-5".into());
    let says = Says::Digest { digest: Ready::GroupYesterday };
    let (robot, schedule) = (robot.parse().expect("a robot's id"), "daily".into());
    let (paused, convs) = (false, Vec::new());
    let planned = owner.call(&Put { robot, schedule, title, cron, says, paused, convs }).await?;
    println!("next: {}", planned.next[0]);
    Ok(())
}
