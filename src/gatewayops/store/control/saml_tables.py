"""The table of SAML assertions that were used up, by whichever process and before whatever restart."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from gatewayops.store.control.tables import Table


class SamlAssertion(Table):
    """An assertion that counted; kept until it would count no longer anyway."""

    __tablename__ = "saml_assertions"

    provider_id: Mapped[str] = mapped_column(
        ForeignKey("identity_providers.id", ondelete="CASCADE"), primary_key=True
    )
    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    org_id: Mapped[str] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    until: Mapped[datetime] = mapped_column(index=True)
