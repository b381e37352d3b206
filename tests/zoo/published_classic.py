"""Published figures of the multilayer perceptron, the LeNets, AlexNet, ZFNet, VGG, the Inceptions and their like.

Sources: the papers named in each zoo module. Beyond those:

- torchvision: parameters ("num_params") and GFLOPS ("_ops", which are MACs) on the pages of its weights, for
  alexnet_single, the VGGs, googlenet_bn, Inception-v3 and SqueezeNet;
- alexnet and googlenet: the Caffe models ``bvlc_alexnet`` and ``bvlc_googlenet``;
- nin: the Caffe model for CIFAR-10 of its authors;
- depths of Inception-v3 (48) and SqueezeNet (18): MATLAB's list of pretrained networks.
"""

# parameters, MACs in millions, layers with weights on the longest way
PUBLISHED = {
    "mlp": (266_610, 0.2662, 3),  # LeCun et al. 1998: 784-300-100-10
    # LeCun et al. 1990; MACs 57,600 + 32,000 + 1,920.
    "lenet1": (2_578, 0.09152, 3),
    # LeCun et al. 1995: "about 17,000"; MACs 78,400 + 150,000 + 14,000 + 1,200.
    "lenet4": (16_998, 0.2436, 4),
    "lenet5": (61_706, 0.41652, 5),  # 117,600 + 240,000 + 48,000 + 10,080 + 840
    "lenet5_relu": (61_706, 0.41652, 5),
    # LeCun et al. 1998: 60,000 trainable parameters; MACs 117,600 + 150,000 + 48,000 + 10,080 + 840.
    "lenet5_1998": (60_000, 0.32652, 5),
    # 608 + 3,216 + 48,120 + 10,164 + 850; MACs 470,400 + 320,000 + 48,000 + 10,080 + 840.
    "lenet5_lecture": (62_958, 0.84932, 5),
    "alexnet": (60_965_224, 724, 8),
    "alexnet_single": (61_100_840, 714, 8),
    # Maps of 110, 26 and 13, as in the paper: 170.7552 + 415.3344 + 149.520384 + 224.280576 + 149.520384,
    # and 37.748736 + 16.777216 + 4.096.
    "zfnet": (62_357_608, 1168.032896, 8),
    # Maps of 32, 16 and 8: 14.7456 + 31.45728 + 15.72864, 117.9648 + 2 · 9.437184, 21.233664 + 2.359296 + 0.12288.
    "nin": (966_986, 222.486528, 9),
    # Maps of 32, 16, 8 and 6: 2.654208 + 84.934656, 21.233664 + 42.467328 + 84.934656, 21.233664,
    # 11.943936 + 1.327104 + 0.06912. The paper: 1.3 M parameters.
    "all_convolutional": (1_369_738, 270.798336, 9),
    "vgg11": (132_863_336, 7_609, 11),
    "vgg11_bn": (132_868_840, 7_609, 11),
    "vgg11_lrn": (132_863_336, 7_609, 11),  # the paper: 133 M, as without
    "vgg13": (133_047_848, 11_308, 13),
    "vgg13_bn": (133_053_736, 11_308, 13),
    "vgg16": (138_357_544, 15_470, 16),
    "vgg16_bn": (138_365_992, 15_470, 16),
    # The paper: 134 M; 133,047,848 of B, and 256 · 257 + 2 · 512 · 513. MACs: those of B, and as many weights of
    # 1×1 as positions: 56² · 256² + (28² + 14²) · 512².
    "vgg16_c": (133_638_952, 11770.888192, 16),
    "vgg16_c_bn": (133_647_400, 11770.888192, 16),  # and 2 · (128 + 256 + 3 · 256 + 6 · 512) of the norms
    "vgg19": (143_667_240, 19_632, 19),
    "vgg19_bn": (143_678_248, 19_632, 19),
    "googlenet": (6_998_552, 1_580, 22),
    "googlenet_aux": (13_378_280, 1591.044096, 22),  # googlenet, and 4,169,728 + 4,202,496 of the heads
    "googlenet_bn": (6_624_904, 1_498, 22),
    "inception_v3": (23_834_568, 5_713, 48),
    "inception_v3_aux": (27_161_264, 5718.899296, 48),  # and 2,457,600 + 2,457,600 + 768,000 of the head
    "squeezenet1_0": (1_248_424, 819, 18),
    "squeezenet1_1": (1_235_496, 349, 18),
}

# Araujo, Norris, Sim 2019, Computing Receptive Fields of Convolutional Neural Networks.
FIELDS = {
    "alexnet": ("pool3", 195),
    "alexnet_single": ("pool3", 195),
    "vgg16": ("stage5.pool1", 212),
    "inception_v3": ("mixed7c", 1311),
}
