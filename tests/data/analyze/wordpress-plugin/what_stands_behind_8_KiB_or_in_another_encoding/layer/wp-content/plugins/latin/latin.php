<?php
/* Plugin Name: Bücher
Version: 1.0ä */
