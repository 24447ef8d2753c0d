//! One token through the transit door with `vaultrs`, as its documentation has it.
//!
//! Arguments: address, key, the token's `header.payload`. The credential is in `VAULT_TOKEN`. Prints
//! the signed token; ends with an error if any call fails or `verify` does not say valid.

use std::error::Error;

use data_encoding::BASE64;
use vaultrs::api::transit::MarshalingAlgorithm;
use vaultrs::api::transit::requests::{SignDataRequest, VerifySignedDataRequest};
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};
use vaultrs::transit::{data, key};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut next = || given.next().ok_or("arguments: address key input");
    let (address, name, input) = (next()?, next()?, next()?);
    let settings = VaultClientSettingsBuilder::default().address(address).build()?;
    let client = VaultClient::new(settings)?;
    let read = key::read(&client, "transit", &name).await?;
    if !read.supports_signing || read.exportable {
        return Err("the key is not one that signs and stays".into());
    }
    if !key::list(&client, "transit").await?.keys.contains(&name) {
        return Err("the key is not listed".into());
    }
    let encoded = BASE64.encode(input.as_bytes());
    let mut ask = SignDataRequest::builder();
    ask.marshaling_algorithm(MarshalingAlgorithm::Jws);
    let signed = data::sign(&client, "transit", &name, &encoded, Some(&mut ask)).await?;
    let mut ask = VerifySignedDataRequest::builder();
    ask.signature(signed.signature.clone()).marshaling_algorithm(MarshalingAlgorithm::Jws);
    let verified = data::verify(&client, "transit", &name, &encoded, Some(&mut ask)).await?;
    if !verified.valid {
        return Err("verify says it is not valid".into());
    }
    // Any bytes are refused, in a way the client understands.
    let junk = data::sign(&client, "transit", &name, &BASE64.encode(b"junk"), None).await;
    match junk {
        Err(vaultrs::error::ClientError::APIError { code: 400, errors }) if errors.len() == 1 => {}
        other => return Err(format!("junk was not refused: {other:?}").into()),
    }
    key::rotate(&client, "transit", &name).await?;
    let (_, signature) = signed.signature.rsplit_once(':').ok_or("no signature")?;
    println!("{input}.{signature}");
    Ok(())
}
