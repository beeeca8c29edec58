//! Variables: small values that programs share, and that people change without building a program anew.
//!
//! Imports a list in batches whose size is a variable. With `PREFECT_API_URL` set, the variable is the server's, and anybody
//! can change it there; without, it is in a file below `PREFECT_HOME`. The example removes what it has set.

#![expect(clippy::print_stdout, reason = "an example prints what it shows")]

use context::prelude::*;
use context::runtime;
use context::variables::{self, VariableError};

const NAME: &str = "example_batch_size";

#[task]
fn import(batch: Vec<u32>) -> usize {
    batch.len()
}

#[flow]
async fn import_all(rows: Vec<u32>) -> Result<Vec<usize>, VariableError> {
    // What nobody has set is what the program thinks best.
    let size = variables::get_or(NAME, 4_usize).await?;
    Ok(rows.chunks(size.max(1)).map(|batch| import(batch.to_vec())).collect())
}

#[flow]
async fn tune() -> Result<(), VariableError> {
    if let Some(url) = runtime::flow_run::ui_url() {
        println!("the run: {url}");
    }
    variables::unset(NAME).await?;
    let rows: Vec<u32> = (0..10).collect();
    println!("nothing set:  batches of {:?}", import_all(rows.clone()).await?);

    variables::set(NAME, 5).tags(["example"]).await?;
    println!("set to 5:     batches of {:?}", import_all(rows.clone()).await?);

    // A variable that is there is changed only on request.
    let refused = variables::set(NAME, 3).await;
    println!("set to 3:     {}", refused.expect_err("it is there"));
    variables::set(NAME, 3).overwrite(true).await?;
    println!("overwritten:  batches of {:?}", import_all(rows).await?);

    // What has another form is an error, not another value.
    variables::set(NAME, "many").overwrite(true).await?;
    let wrong = variables::get_as::<usize>(NAME).await;
    println!("set to text:  {}", wrong.expect_err("it is no number"));
    variables::unset(NAME).await.map(drop)
}

#[context::main]
async fn main() -> anyhow::Result<()> {
    Ok(tune().await?)
}
