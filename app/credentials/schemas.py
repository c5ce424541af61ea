"""What crosses the wire about signing in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from app.core.wire import In, Out

Phone = Annotated[str, Meta(min_length=8, max_length=20)]
Name = Annotated[str, Meta(max_length=100)]
Digits = Annotated[str, Meta(pattern="^[0-9]{6}$", max_length=6)]


class AskCode(In):
    phone: Phone
    device_id: Annotated[str, Meta(min_length=8, max_length=100)] | None = None
    """Made by the app when it was installed; codes have a rate by it, too."""
    language: Literal["vi", "en"] = "vi"


class NewPhone(In):
    phone: Phone
    code: Digits


class Agreed(In):
    """The resident's yes to a merge."""

    offer_id: UUID
    phone: Literal["mine", "other"] | None = None
    """Which number the account has from then on, if both have one: of the account one is in, or the other's (as without a
    word). The one not chosen still signs in, until the phone is changed."""
    device_name: Name = ""


class CodeSentOut(Out):
    expires_at: datetime


class NewSession(In):
    phone: Phone
    code: Digits
    device_name: Name = ""


class BeginEid(In):
    level: Annotated[int, Meta(ge=1, le=2)] = 1


class BeginProof(In):
    """What the challenge of the 401 says: `acr_values` as a level, `max_age` in seconds; 0: prove it anew now."""

    level: Annotated[int, Meta(ge=1, le=2)] = 2
    max_age_s: Annotated[int, Meta(ge=0, le=86400)] = 0


class ProofReturned(In):
    code: Annotated[str, Meta(min_length=1, max_length=2000)]
    state: Annotated[str, Meta(min_length=1, max_length=200)]
    iss: Annotated[str, Meta(max_length=500)] = ""


class PhoneProof(In):
    code: Digits


class RpOut(Out):
    id: str
    name: str


class UserOut(Out, rename="camel"):
    id: str
    name: str
    display_name: str


class KeyKindOut(Out):
    type: str
    alg: int


class DescriptorOut(Out):
    type: str
    id: str
    transports: list[str]


class SelectionOut(Out, rename="camel"):
    resident_key: str
    require_resident_key: bool
    user_verification: str


class CreationOptionsOut(Out, rename="camel"):
    """`PublicKeyCredentialCreationOptionsJSON` (WebAuthn L3 §5.1.9): give it to the browser or the phone as it is."""

    rp: RpOut
    user: UserOut
    challenge: str
    pub_key_cred_params: list[KeyKindOut]
    timeout: int
    """Milliseconds."""
    exclude_credentials: list[DescriptorOut]
    authenticator_selection: SelectionOut
    attestation: str


class RequestOptionsOut(Out, rename="camel"):
    """`PublicKeyCredentialRequestOptionsJSON` (WebAuthn L3 §5.1.10): give it to the browser or the phone as it is."""

    challenge: str
    timeout: int
    """Milliseconds."""
    rp_id: str
    allow_credentials: list[DescriptorOut]
    """Empty: whichever the resident chooses."""
    user_verification: str


Bytes = r"^[A-Za-z0-9_-]*$"
"""Base64url without padding, as WebAuthn's JSON has all bytes."""
CredentialId = Annotated[str, Meta(pattern=Bytes, min_length=1, max_length=1364)]
ClientData = Annotated[str, Meta(pattern=Bytes, min_length=1, max_length=8192)]


class Foreign(In, forbid_unknown_fields=False):
    """What browsers write: they may say more than we read."""


class Attested(Foreign):
    client_data: ClientData = field(name="clientDataJSON")
    attestation: Annotated[str, Meta(pattern=Bytes, min_length=1, max_length=32768)] = field(name="attestationObject")
    transports: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=20)] = field(default_factory=list)


class Registration(Foreign):
    """`RegistrationResponseJSON` (WebAuthn L3 §5.1): what the browser or the phone gave for the options."""

    id: CredentialId
    raw_id: CredentialId = field(name="rawId")
    type: Literal["public-key"]
    response: Attested


class Asserted(Foreign):
    client_data: ClientData = field(name="clientDataJSON")
    authenticator_data: Annotated[str, Meta(pattern=Bytes, min_length=1, max_length=8192)] = field(
        name="authenticatorData"
    )
    signature: Annotated[str, Meta(pattern=Bytes, min_length=1, max_length=4096)]
    user_handle: Annotated[str, Meta(pattern=Bytes, max_length=86)] | None = field(name="userHandle", default=None)


class Assertion(Foreign):
    """`AuthenticationResponseJSON` (WebAuthn L3 §5.1): what the browser or the phone gave for the options."""

    id: CredentialId
    raw_id: CredentialId = field(name="rawId")
    type: Literal["public-key"]
    response: Asserted


PasskeyName = Annotated[str, Meta(min_length=1, max_length=100)]


class NewPasskey(In):
    name: PasskeyName
    credential: Registration


class PasskeyNamed(In):
    name: PasskeyName


class PasskeySignIn(In):
    credential: Assertion
    device_name: Name = ""


class BeginPasskeyProof(In):
    level: Annotated[int, Meta(ge=0, le=2)] = 0
    """The one that the refusal asked for (`acr_values`)."""


class PasskeyProof(In):
    credential: Assertion


class PasskeyOut(Out):
    id: UUID
    name: str
    level: int
    """The assurance level that it proves."""
    transports: list[str]
    synced: bool
    """Whether it may be on several devices."""
    backed_up: bool
    created_at: datetime
    last_used_at: datetime | None
    usable: bool
    """No longer, once it seemed to have been copied or the account had to be secured anew."""
