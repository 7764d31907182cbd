"""The settings that the trainer array compares; task N of the array trains SETTINGS[N]."""

import numpy as np

import models

MOMENTUM = {"optimizer": "momentum", "rate": 0.05}

SETTINGS = (
    {"name": "softmax, no shifts", "model": "network", "options": MOMENTUM | {"epochs": 2500, "shifts": False}},
    {"name": "softmax", "model": "network", "options": MOMENTUM | {"rate": 0.1, "epochs": 900}},
    {"name": "3 nearest neighbours", "model": "neighbours", "options": {"count": 3}},
    {"name": "Gaussian kernel, wide", "model": "kernel", "options": {"gamma": 0.2, "ridge": 0.1}},
    {"name": "Gaussian kernel, narrow", "model": "kernel", "options": {"gamma": 0.4, "ridge": 0.1}},
    {"name": "MLP 64, momentum", "model": "network", "options": MOMENTUM | {"hidden": (64,), "noise": 0.1, "epochs": 250}},
    {"name": "MLP 128-64, Adam", "model": "network", "options": {"hidden": (128, 64), "noise": 0.15, "epochs": 140}},
    {"name": "committee of 4 MLP 96", "model": "committee", "options": {"members": 4, "hidden": (96,), "noise": 0.15, "epochs": 80}},
)


def make_model(index):
    setting = SETTINGS[index]
    return models.MODELS[setting["model"]](np.random.default_rng(1000 + index), **setting["options"])


def load_model(arrays):
    """The model that was kept with the number of its setting."""
    model = make_model(int(arrays["setting"]))
    model.load(arrays)
    return model
