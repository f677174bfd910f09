//! What the `hid` profile's password grant says of a failure.

use domain::FailureReason;

macro_rules! refused {
    ($words:literal) => {
        concat!(
            "Invalid grant: Resource owner username or password is invalid (",
            $words,
            "):Resource owner username or password is invalid"
        )
    };
}

/// `error_description` of a failed password grant, in the pattern of seed 000's sample. It goes to clients only,
/// never to the end user's own pages (DECISIONS 4.2).
pub fn description(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::AuthenticatorNotFound => refused!("Authenticator not found"),
        FailureReason::AuthenticatorDisabled => refused!("Authenticator is disabled"),
        FailureReason::MaximumFailures => refused!("Maximum number of consecutive failures reached"),
        FailureReason::MaximumUses => refused!("Maximum number of successful uses reached"),
        FailureReason::ChannelBlocked => refused!("Channel is blocked"),
        FailureReason::NotYetValid => refused!("Authenticator is not yet valid"),
        FailureReason::Expired => refused!("Authenticator has expired"),
        FailureReason::LengthMismatch => refused!("Length of the authentication code does not match"),
        FailureReason::PasswordMismatch => refused!("Password does not match"),
        FailureReason::UserNotFound => refused!("User not found"),
        FailureReason::PasswordMaximumUses => refused!("Maximum number of password uses reached"),
        FailureReason::DeviceNotValid => refused!("Device is not valid"),
        FailureReason::InvalidMode => refused!("Credential does not support this mode"),
        FailureReason::UserDisabled => refused!("User is disabled"),
        _ => refused!("Authentication failed"),
    }
}
