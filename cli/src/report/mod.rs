//! What a scan prints.

mod html;
mod plain;
mod text;

use std::io::{self, BufWriter, Write};

use callerwatch_detection::alert::Alert;
use callerwatch_detection::ocsf;

pub(crate) use self::html::{Survey, html};
pub(crate) use self::plain::{brief, plain, plain_json, shown};
pub(crate) use self::text::{alerts, text};

/// One OCSF Detection Finding a line, and nothing else.
pub(crate) fn json(alerts: &[Alert]) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    for alert in alerts {
        let finding = ocsf::detection_finding(alert).to_string();
        writeln!(stdout, "{}", plain_json(&finding))?;
    }
    stdout.flush()
}
