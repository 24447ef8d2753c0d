//! Joiners and leavers: SCIM, the cascade.
