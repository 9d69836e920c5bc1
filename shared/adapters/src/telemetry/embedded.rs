//! Metrics as a line of the log that CloudWatch makes metrics of (embedded metric format).

use std::io::{self, Write};

use callerwatch_detection::timestamp::Timestamp;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "callerwatch";
/// The dimension that names the function.
pub(super) const FUNCTION: &str = "FunctionName";

/// A metric: its name, its unit and its value.
pub(super) type Metric = (&'static str, &'static str, u64);

/// Writes metrics as one line.
pub(super) fn write(
    out: &mut dyn Write,
    now: Timestamp,
    dimensions: &[(&str, &str)],
    metrics: &[Metric],
) -> io::Result<()> {
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let told: Vec<_> =
        metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": told,
            }],
        }),
    );
    line.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
    line.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
    // In one piece, so that no other line comes between.
    out.write_all(format!("{}\n", Value::Object(line)).as_bytes())?;
    out.flush()
}
