"""Try out a cross-chain alliance of judicial blockchains before anyone builds it."""
