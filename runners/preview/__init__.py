"""What a sweep would be and cost, before it runs."""
