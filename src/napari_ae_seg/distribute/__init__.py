"""Work shared among processes and machines: workers, and folders of images as one job."""
