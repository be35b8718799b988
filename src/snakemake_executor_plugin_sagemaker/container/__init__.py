"""What runs in the containers of a job."""
