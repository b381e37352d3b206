"""Published figures of residual, mobile and dense networks, of autoencoders, and of networks for text and signals.

Sources: the papers named in each zoo module. Beyond those:

- torchvision: parameters ("num_params") and GFLOPS ("_ops", which are MACs) on the pages of its weights, for the
  ResNets of ImageNet, MobileNetV2 and the DenseNets;
- timm: parameters of resnetv2_18, 50, 101 and 152, which resnet…_preact are;
- Keras: trainable parameters of MobileNet;
- char-rnn of Karpathy prints "number of parameters in the model: 240321";
- depths: the numbers in the names; 53 of MobileNetV2: MATLAB's list of pretrained networks.
"""

# parameters, MACs in millions, layers with weights on the longest way
PUBLISHED = {
    "resnet18": (11_689_512, 1_814, 18),
    "resnet34": (21_797_672, 3_664, 34),
    "resnet50": (25_557_032, 4_089, 50),
    "resnet101": (44_549_160, 7_801, 101),
    "resnet152": (60_192_808, 11_514, 152),
    # The convolutions of resnet18 to resnet152, and so their MACs.
    "resnet18_preact": (11_687_720, 1_814, 18),
    "resnet50_preact": (25_549_352, 4_089, 50),
    "resnet101_preact": (44_541_480, 7_801, 101),
    "resnet152_preact": (60_185_128, 11_514, 152),
    # The papers print 0.27, 0.46, 0.66, 0.85, 1.7 and 19.4 M, and 1.7, 1.7 and 10.2 M for pre-activation; the digits
    # are worked in test_resnets.py. MACs of 56 and 110 layers: Lin et al. 2020, HRank.
    "resnet20": (269_722, 40.55104, 20),
    "resnet32": (464_154, 68.862592, 32),
    "resnet44": (658_586, 97.174144, 44),
    "resnet56": (853_018, 125.49, 56),
    "resnet110": (1_727_962, 252.89, 110),
    "resnet1202": (19_421_274, 2829.238912, 1202),
    "resnet110_preact": (1_727_962, 252.89, 110),
    "resnet164_preact": (1_703_258, 247.64672, 164),
    "resnet1001_preact": (10_327_706, 1490.995712, 1001),
    "mobilenet_v1": (4_231_976, 569, 28),
    "mobilenet_v2": (3_504_872, 301, 53),
    "densenet121": (7_978_856, 2_834, 121),
    "densenet161": (28_681_000, 7_728, 161),
    "densenet169": (14_149_480, 3_360, 169),
    "densenet201": (20_013_928, 4_291, 201),
    # A MAC for each weight: 2 · (784,000 + 500,000 + 125,000 + 7,500).
    "dense_autoencoder": (2_837_314, 2.833, 8),
    "sparse_autoencoder": (3_289, 0.0032, 2),  # 2 · 64 · 25
    "denoising_autoencoder": (785_284, 0.784, 2),  # 2 · 784 · 500
    # 160 + 4,640 + 4,624 + 145; MACs 2 · (28² · 9 · 16 + 14² · 9 · 16 · 32).
    "convolutional_autoencoder": (9_569, 2.032128, 4),
    # 50 MACs for each weight that is no bias.
    "char_rnn": (66_369, 3.2896, 3),  # 65 · 128 + 3 · 128² + 4 · 128, and 128 · 65 + 65
    "char_lstm": (240_321, 11.9104, 3),
    "char_gru": (182_337, 9.0368, 3),  # three times the recurrent layers of char_rnn
    # 1,040 + 1,568 + 4,160 + 2 · 12,352 + 19,300 + 1,010, and 2 · (16 + 32 + 3 · 64 + 100) of the norms;
    # MACs 131,072 + 98,304 + 131,072 + 196,608 + 73,728 + 19,200 + 1,000.
    "cnn1d": (52_462, 0.650984, 7),
}

# Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", table 1.
FIELDS = {
    "mobilenet_v1": ("block13.relu2", 315),
}
