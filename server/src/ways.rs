//! The ways out of the server, as the settings allow them.

use std::{fs, path::Path, sync::Arc};

use carillon_notify::{
    egress::{self, Egress, Guard},
    webpush::is_contact,
};
use carillon_plugins::notify::Ways;

use crate::{
    config::{Config, WebOrigin},
    node::StartError,
};

/// Whom a push service may write to, if neither `notify.contact` nor a public address is set: then
/// people reach the server on this machine only, and so does whoever has to be told.
const CONTACT: &str = "mailto:postmaster@localhost";

/// Opens them.
///
/// # Errors
/// [`StartError::Ways`], with the setting.
pub(crate) fn open(config: &Config) -> Result<Ways, StartError> {
    let wrong = |setting, why: String| StartError::Ways(setting, why);
    let guard = Guard::read(&config.egress.allow, config.egress.ports.clone())
        .map_err(|bad| wrong("egress.allow", bad.to_string()))?;
    let read = |path: &Path| {
        fs::read(path).map_err(|why| wrong("egress.authorities", format!("{path:?}: {why}")))
    };
    let authorities = config.egress.authorities.as_deref().map(read).transpose()?;
    let tls = egress::tls(authorities.as_deref())
        .map_err(|bad| wrong("egress.authorities", bad.to_string()))?;
    let contact = contact(config);
    if !is_contact(&contact) {
        let hint = "write mailto:NAME@DOMAIN or https://DOMAIN/…".to_owned();
        return Err(wrong("notify.contact", hint));
    }
    Ok(Ways {
        egress: Arc::new(Egress::new(guard, tls, egress::System)),
        contact,
        public_url: config.public_url.as_ref().map(ToString::to_string),
    })
}

fn contact(config: &Config) -> String {
    let public = config.public_url.as_ref().filter(|url| url.is_https());
    let public = public.map(WebOrigin::to_string);
    config.notify.contact.clone().or(public).unwrap_or_else(|| CONTACT.to_owned())
}
