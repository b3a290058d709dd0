"""SAML 2.0 as a service provider: what we ask an organisation's identity provider, and what we believe of it.

`requests` asks, `responses` reads the answer, `attributes` says who it is about, `idp_metadata` and
`sp_metadata` introduce the two to each other. All pure, without a clock of their own and without the network.
What is used once (requests, assertions) is the caller's to keep. The XML libraries are imported when a first
document is read, which is never in a gateway.
"""
