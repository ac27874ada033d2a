"""What is kept between deliveries: key states, and the protocol of the stores that keep them."""
