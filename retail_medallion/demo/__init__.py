"""The demo retailer: an application database made of invented rows, the same for the same seed, scale and dates."""
