"""The command line of the build."""

import sys

from courseware.build.build import main

sys.exit(main())
