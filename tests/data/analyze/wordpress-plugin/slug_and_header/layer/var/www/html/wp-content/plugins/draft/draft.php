<?php
/* Plugin Name: Draft */
