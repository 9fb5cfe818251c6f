//! Who may come in, and what he may do: what can change while everybody stays who is here.

use crate::admission::networks::Allowed;
use crate::http::access::Access;

/// As the options have it. Whoever comes is asked by them; who is here is not asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Who may come in, by where he is.
    pub allow: Allowed,
    /// The original protocol is not spoken.
    pub no_plain: bool,
    /// Who may ask by HTTP.
    pub access: Access,
    /// Whoever may see what HTTP serves may see and set the camera's controls too.
    pub allow_control: bool,
}
