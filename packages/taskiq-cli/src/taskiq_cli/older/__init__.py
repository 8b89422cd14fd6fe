"""The worker's command line as Python objects, as taskiq 0.13 had them."""
