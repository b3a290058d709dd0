"""Settings of the master key: who keeps it, and how to reach them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Provider = Literal["local", "aws_kms", "aws_secrets_manager", "vault", "azure_key_vault"]


class SecretsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The provider of new wrappings; keys wrapped by another still open while its settings stay."""

    provider: Provider = "local"
    timeout_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    aws_region: str = ""  # empty: as the AWS SDK finds it
    aws_endpoint_url: str = ""  # empty: AWS itself
    aws_kms_key_id: str = ""  # id, ARN or alias of a symmetric key
    aws_secret_id: str = ""  # name or ARN of a secret; its versions are master keys
    vault_url: str = ""  # https://vault.example:8200
    vault_token: str = ""
    vault_token_file: str = ""  # instead of vault_token: read anew each time, as Vault's agent renews it
    vault_namespace: str = ""
    vault_mount: str = "transit"
    vault_key: str = "gatewayops"
    azure_vault_url: str = ""  # https://name.vault.azure.net
    azure_key: str = "gatewayops"  # an RSA key
